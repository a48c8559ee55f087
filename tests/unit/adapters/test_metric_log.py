"""Measurements as CloudWatch's embedded metric format wants them."""

import json
import time
from typing import Any

from tandem.adapters.metric_log import EmbeddedMetrics
from tandem.domain.measurements import EngineCall, RunMetric


def lines_of(namespace: str | None = "Tandem/tandem-prod") -> tuple[EmbeddedMetrics, list[dict[str, Any]]]:
    written: list[dict[str, Any]] = []
    return EmbeddedMetrics(namespace, "tandem", lambda line: written.append(json.loads(line))), written


def test_a_line_names_its_metrics_with_their_units_and_one_dimension() -> None:
    meter, lines = lines_of()
    meter.record({RunMetric.STOP: 1.5, "DatabaseBytes": 10, "TasksRunning": 2, "EngineCallMilliseconds": 7.25})
    [line] = lines
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Tandem/tandem-prod"
    assert directive["Dimensions"] == [["service"]]
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        "StopSeconds": "Seconds",
        "DatabaseBytes": "Bytes",
        "TasksRunning": "Count",
        "EngineCallMilliseconds": "Milliseconds",
    }
    assert (line["service"], line["StopSeconds"], line["TasksRunning"]) == ("tandem", 1.5, 2)
    assert abs(line["_aws"]["Timestamp"] - time.time() * 1000) < 60_000


def test_a_call_counts_for_its_kind_and_for_all_together() -> None:
    meter, lines = lines_of()
    meter.record({"EngineErrors": 1}, EngineCall.STOP)
    [line] = lines
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"], ["service", "call"]]
    assert line["call"] == "stop"


def test_where_no_cloudwatch_reads_nothing_is_written() -> None:
    meter, lines = lines_of(namespace=None)
    meter.record({"TasksRunning": 2})
    assert lines == []
