"""docs/operations.md names every alarm, metric and setting, and its sums are those of the template."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tandem.adapters.engine.measured import ERRORS, LATENCY
from tandem.domain.housekeeping import Statistics
from tandem.domain.measurements import EngineCall, RunMetric
from tandem.services.publish_statistics import metrics_of
from tandem.telemetry import LogEvent

from tests.architecture.test_template_is_one_truth import (
    DOCUMENT,
    FUNCTIONS,
    PROJECT,
    RESOURCES,
    copies,
    holds_a_connection,
    nodes,
)

TEXT = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_alarm_has_its_line() -> None:
    alarms = {
        name.removesuffix("Alarm") for name, each in RESOURCES.items() if each["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert not [name for name in alarms if name not in TEXT]


def own_metrics_of(node: dict[str, Any]) -> set[str]:
    """The metrics of our own namespace that a resource names."""
    return {each["MetricName"] for each in nodes(node) if isinstance(each.get("Namespace"), dict)}


def made() -> set[str]:
    """The metrics that the code writes, and those that filters make of its log lines."""
    found = set(RunMetric) | {LATENCY, ERRORS}
    nothing = Statistics(0, 0, 0, 0, None, 0, None, None, 0)
    found |= set(metrics_of(nothing, datetime.now(UTC)))
    for file in (PROJECT / "functions" / "schedule").glob("*.py"):
        found |= set(re.findall(r'"([A-Z]\w+)":', file.read_text(encoding="utf-8")))
    for each in RESOURCES.values():
        if each["Type"] == "AWS::Logs::MetricFilter":
            found |= {made["MetricName"] for made in each["Properties"]["MetricTransformations"]}
    return {str(name) for name in found}


def test_alarms_and_dashboard_rest_on_metrics_that_somebody_makes() -> None:
    alarms = [each for each in RESOURCES.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    watched = set[str]().union(*(own_metrics_of(each) for each in alarms))
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for widget in json.loads(re.sub(r"\$\{[^}]*\}", "x", body))["widgets"]:
        namespace = None
        for metric in widget["properties"].get("metrics", ()):
            namespace = metric[0] if metric[0] not in {".", "..."} else namespace
            if namespace == "Tandem/x" and metric[0] != "...":
                watched.add(metric[1])
    assert len(watched) > 15
    assert watched <= made()


def test_every_metric_is_named() -> None:
    assert not [name for name in made() if f"`{name}`" not in TEXT]


def test_the_cost_counts_every_metric_and_alarm() -> None:
    # Those of calls are one for each kind and one for all together.
    metrics = len(made()) - 2 + 2 * (len(EngineCall) + 1)
    # An alarm costs by the metrics that it watches.
    alarms = sum(
        sum("MetricName" in each for each in nodes(alarm))
        for alarm in RESOURCES.values()
        if alarm["Type"] == "AWS::CloudWatch::Alarm"
    )
    assert f"| {metrics} × 0.30 |" in TEXT
    assert f"| {alarms} × 0.10 |" in TEXT


def test_every_setting_is_in_the_table() -> None:
    source = Path(PROJECT / "shared/tandem/settings.py").read_text(encoding="utf-8")
    assert not [name for name in set(re.findall(r'"(TANDEM_\w+)"', source)) if f"`{name}`" not in TEXT]


def test_the_connections_add_up() -> None:
    total = sum(copies(each) for each in FUNCTIONS.values() if holds_a_connection(each))
    assert f"= {total}\n" in TEXT
    reserved = sum(copies(each) for each in FUNCTIONS.values())
    assert f"takes {reserved} of" in TEXT
    deploying = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert f"at least {reserved + 100} concurrent executions of Lambda ({reserved} are reserved" in deploying


def test_every_parameter_that_it_names_is_one() -> None:
    named = set(re.findall(r"^\| `TANDEM_[^|]*\| ([^|]*) \|", TEXT, re.MULTILINE))
    parameters = {name for cell in named for name in re.findall(r"`(\w+)`", cell)}
    assert len(parameters) > 5
    assert parameters <= set(DOCUMENT["Parameters"])


def test_log_lines_states_and_resources_that_it_names_exist() -> None:
    lines = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", TEXT)) | set(re.findall(r'message (?:=|in) \[?"([a-z_]+)"', TEXT))
    fields = {"results_kept", "results_waiting", "looked_at", "experiment_task_id"}
    assert lines - fields <= set(LogEvent)
    physical = set(re.findall(r"physical ([A-Z]\w+)", TEXT))
    assert len(physical) >= 3
    assert physical <= set(RESOURCES)
    assert set(re.findall(r"output ([A-Z]\w+)", TEXT)) <= set(DOCUMENT["Outputs"])
    states = json.loads((PROJECT / "functions/workflow/experiment_load_test.asl.json").read_text())["States"]
    assert {"IsThereAStrategy", "WaitUntilStart", "HoldLeadTime", "CheckGate", "WorkflowFailed"} <= set(states)
