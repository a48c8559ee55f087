"""docs/operations.md names every alarm, metric and setting, and its sums are those of the template."""

import re
from pathlib import Path

from tests.architecture.test_template_is_one_truth import (
    DOCUMENT,
    FUNCTIONS,
    PROJECT,
    RESOURCES,
    copies,
    holds_a_connection,
)

TEXT = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_alarm_has_its_line() -> None:
    alarms = {
        name.removesuffix("Alarm") for name, each in RESOURCES.items() if each["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert not [name for name in alarms if name not in TEXT]


def test_every_metric_that_an_alarm_rests_on_is_named() -> None:
    metrics = {
        each["Properties"]["MetricName"]
        for each in RESOURCES.values()
        if each["Type"] == "AWS::CloudWatch::Alarm" and isinstance(each["Properties"]["Namespace"], dict)
    }
    assert len(metrics) > 5
    assert not [name for name in metrics if f"`{name}`" not in TEXT]


def test_every_setting_is_in_the_table() -> None:
    source = Path(PROJECT / "shared/tandem/settings.py").read_text(encoding="utf-8")
    assert not [name for name in set(re.findall(r'"(TANDEM_\w+)"', source)) if f"`{name}`" not in TEXT]


def test_the_connections_add_up() -> None:
    total = sum(copies(each) for each in FUNCTIONS.values() if holds_a_connection(each))
    assert f"= {total}\n" in TEXT
    assert f"takes {sum(copies(each) for each in FUNCTIONS.values())} of" in TEXT


def test_every_parameter_that_it_names_is_one() -> None:
    named = set(re.findall(r"^\| `TANDEM_[^|]*\| ([^|]*) \|", TEXT, re.MULTILINE))
    parameters = {name for cell in named for name in re.findall(r"`(\w+)`", cell)}
    assert len(parameters) > 5
    assert parameters <= set(DOCUMENT["Parameters"])
