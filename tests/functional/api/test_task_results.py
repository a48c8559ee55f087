"""Results, events, time series and report of a task."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from tandem.bootstrap import application
from tandem.domain.task import TaskStatus
from tandem.rest.results import ResultsView, TimeseriesView

from tests.factories.kept_tasks import end, finish, open_window, pending_task, running_task
from tests.factories.statements import counted_statements
from tests.fakes.engine_traps import Call, Fault, FaultKind, Traps
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import Api

READERS = ["get_load_test_results", "get_load_test_timeseries", "get_load_test_events"]


def ended_task(engine: TrapEngine) -> None:
    """60 s of load with a window from the 20th to the 40th second; everything is over."""
    engine.set_traps(Traps(throughput=20.0, error_rate=0.1))
    run = running_task(engine)
    engine.advance(61)
    open_window(run, 20)
    finish(run, 40)
    end(run, TaskStatus.SUCCEEDED, 61)


def test_results_hold_paths_figures_phases_and_a_verdict(api: Api, engine: TrapEngine) -> None:
    ended_task(engine)

    result = api.get("get_load_test_results", taskId="ldtask_1").result

    assert ResultsView.model_validate(result)
    assert result["status"] == "SUCCEEDED"
    assert result["endpoint"] == "http://127.0.0.1:9000"
    assert result["resultPath"].endswith("results.jtl")
    assert result["resultUrl"].startswith("http://127.0.0.1:")
    summary = result["summary"]
    assert summary["samples"] > 1000
    assert summary["errorRate"] == pytest.approx(0.1, abs=0.01)
    assert summary["start"].endswith("+00:00")
    assert set(summary["latency"]) == {"mean", "min", "max", "p50", "p90", "p95", "p99"}
    assert [phase["name"] for phase in result["phases"]] == ["BASELINE", "FAULT", "RECOVERY"]
    assert "change" not in result["phases"][0]
    assert set(result["phases"][1]["change"]) == {"p95", "errorRate", "requestsPerSec"}
    assert result["labels"][0]["label"] == "Login"
    assert result["verdict"]["status"] in {"PASS", "DEGRADED", "FAIL", "INCONCLUSIVE"}


@pytest.mark.parametrize("key", [{"taskId": "ldtask_1"}, {"taskId": "et-1"}, {"experimentTaskId": "et-1"}])
def test_a_task_may_be_named_by_either_id(api: Api, engine: TrapEngine, key: dict[str, str]) -> None:
    running_task(engine)

    for name in [*READERS, "get_load_test_task"]:
        assert api.get(name, **key).status == 200
    assert api.get("get_load_test_report", **key).status == 200


def test_the_experiment_task_id_wins(api: Api, engine: TrapEngine) -> None:
    running_task(engine, "1")
    running_task(engine, "2")

    assert api.get("get_load_test_task", taskId="ldtask_1", experimentTaskId="et-2").result["taskId"] == "ldtask_2"


def test_a_task_that_was_not_started_answers_with_what_is_known(api: Api) -> None:
    pending_task()

    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert results["status"] == "PENDING"
    assert {results[name] for name in ("executionId", "summary", "phases", "verdict", "resultPath", "reportUrl")} == {
        None
    }
    series = api.get("get_load_test_timeseries", taskId="ldtask_1").result
    assert TimeseriesView.model_validate(series)
    assert (series["throughput"], series["phases"]) == ([], [])
    story = api.get("get_load_test_events", taskId="ldtask_1").result
    assert story["executionId"] is None
    assert [json.loads(line)["type"] for line in story["events"]] == ["TASK_PENDING"]
    assert "has not been started" in api.get("get_load_test_report", taskId="ldtask_1").text


def test_a_series_exists_while_the_run_goes_on(api: Api, engine: TrapEngine) -> None:
    run = running_task(engine)
    engine.advance(10)
    open_window(run, 5)

    series = api.get("get_load_test_timeseries", taskId="ldtask_1", bucketMs=2000).result

    assert series["bucketSizeMs"] == 2000
    assert len(series["throughput"]) >= 4
    assert all(stamp % 2000 == 0 for stamp, _ in series["p95"])
    assert [phase["name"] for phase in series["phases"]] == ["BASELINE", "FAULT"]
    assert api.get("get_load_test_results", taskId="ldtask_1").result["verdict"] is None


def test_a_result_that_the_engine_forgot_is_answered_from_what_we_know(api: Api, engine: TrapEngine) -> None:
    ended_task(engine)
    before = api.get("get_load_test_results", taskId="ldtask_1").result
    engine.restart(forget_runs=True)

    after = api.get("get_load_test_results", taskId="ldtask_1").result

    assert after["resultUrl"] is None
    assert {name: after[name] for name in ("resultPath", "reportPath", "logPath", "status", "endpoint")} == {
        name: before[name] for name in ("resultPath", "reportPath", "logPath", "status", "endpoint")
    }
    assert after["summary"] is None
    assert after["verdict"]["status"] == "INCONCLUSIVE"
    assert [reason["code"] for reason in after["verdict"]["reasons"]] == ["RESULTS_UNREADABLE"]


def test_events_are_merged_in_the_order_of_time(api: Api, engine: TrapEngine) -> None:
    ended_task(engine)

    story = api.get("get_load_test_events", taskId="ldtask_1").result
    events = [json.loads(line) for line in story["events"]]

    assert all(type(event["ts"]) is int for event in events)
    assert all(first["ts"] <= second["ts"] for first, second in pairwise(events))
    kinds = [event["type"] for event in events]
    assert kinds.index("TASK_PENDING") < kinds.index("TASK_RUNNING") < kinds.index("TASK_SUCCEEDED")
    assert "STARTED" in kinds
    tail = api.get("get_load_test_events", taskId="ldtask_1", tail=2).result["events"]
    assert tail == story["events"][-2:]


@pytest.mark.parametrize("tail", ["0", "10001", "-1", "x", "1.5"])
def test_a_tail_out_of_range_is_refused(api: Api, tail: str) -> None:
    answer = api.get("get_load_test_events", taskId="ldtask_1", tail=tail)

    assert (answer.status, list(answer.fields)) == (422, ["tail"])


@pytest.mark.parametrize("name", READERS)
def test_an_engine_that_cannot_be_reached_is_503(api: Api, engine: TrapEngine, name: str) -> None:
    running_task(engine)
    engine.go_down()

    answer = api.get(name, taskId="ldtask_1")

    assert (answer.status, answer.code) == (503, "ENGINE_UNAVAILABLE")
    page = api.get("get_load_test_report", taskId="ldtask_1")
    assert page.status == 200
    assert "could not be asked" in page.text


@pytest.mark.parametrize("name", ["get_load_test_results", "get_load_test_events"])
def test_an_engine_that_talks_nonsense_is_502(api: Api, engine: TrapEngine, name: str) -> None:
    running_task(engine)
    engine.add_fault(Fault(FaultKind.HTML_200, calls=None))

    answer = api.get(name, taskId="ldtask_1")

    assert (answer.status, answer.code) == (502, "ENGINE_ANSWERED_WRONGLY")


def test_a_result_file_that_is_none_is_no_error_of_the_caller(api: Api, engine: TrapEngine) -> None:
    ended_task(engine)
    engine.add_fault(Fault(FaultKind.HTML_200, on=frozenset({Call.FILE}), calls=None))

    results = api.get("get_load_test_results", taskId="ldtask_1").result

    assert results["summary"] is None
    assert results["verdict"]["reasons"][0]["code"] == "RESULTS_UNREADABLE"


def reported(page: str) -> Any:
    """The data in a report's page."""
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', page)
    assert found is not None
    return json.loads(found.group(1))


def test_the_report_is_a_page_that_escapes_everything(api: Api, engine: TrapEngine) -> None:
    ended_task(engine)
    pending = pending_task("2")
    end(pending, TaskStatus.FAILED, 1, "<script>alert('x')</script>")

    page = api.get("get_load_test_report", taskId="ldtask_2")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>alert" not in page.text
    assert reported(page.text)["task"]["errorMessage"] == "<script>alert('x')</script>"
    whole = reported(api.get("get_load_test_report", taskId="ldtask_1").text)
    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert whole["results"] == results
    assert whole["timeseries"] == api.get("get_load_test_timeseries", taskId="ldtask_1").result
    assert whole["events"]["events"] == api.get("get_load_test_events", taskId="ldtask_1", tail=1000).result["events"]
    assert whole["task"]["taskId"] == "ldtask_1"
    assert whole["definition"]["endpoint"] == results["endpoint"]


def test_a_report_of_an_unknown_task_is_json(api: Api) -> None:
    answer = api.get("get_load_test_report", taskId="nothing")

    assert (answer.status, answer.code) == (404, "LOAD_TEST_TASK_NOT_FOUND")


def test_a_task_must_be_named(api: Api) -> None:
    for name in [*READERS, "get_load_test_task", "get_load_test_report"]:
        answer = api.get(name, taskId="")
        assert (answer.status, list(answer.fields)) == (422, ["taskId"])


def test_reading_a_task_takes_one_statement(api: Api, engine: TrapEngine) -> None:
    running_task(engine)
    with counted_statements(application().database._engine) as statements:
        api.get("get_load_test_results", taskId="ldtask_1")
    assert len(statements) == 1, statements
