"""The ASL file itself, path by path."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tandem.domain.fault_window import FaultWindow, WindowSource
from tandem.domain.strategy import Gate
from tandem.domain.timestamps import iso_utc, to_millis

from tests.factories.platform import Experiment, Platform, until
from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind
from tests.fakes.trap_engine import TrapEngine


def gate_of(experiment: Experiment) -> dict[str, Any]:
    """The traffic check as a user sees it in the task."""
    answer = experiment.platform.get("GetLoadTestTask", experimentTaskId=experiment.experiment_task_id)
    return {} if answer.status_code == 404 else dict(answer.json()["result"]["gate"])


def test_a_load_goes_before_the_fault_through_it_and_ends_after_it(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan(start_before_fault_sec=2)
    experiment.starts()
    window = experiment.hears("FaultWindowOpen")
    assert window["loadProven"] is True
    began, opened = datetime.fromisoformat(window["loadStartedAt"]), datetime.fromisoformat(window["at"])
    assert timedelta(seconds=2) <= opened - began < timedelta(seconds=3)
    assert experiment.status == "RUNNING"
    experiment.finishes("STOPPED", reason="by hand")
    assert experiment.reaches("STOPPED") == "STOPPED"
    run = experiment.settles()
    assert run.started_task.end_time is not None
    assert experiment.transitions == ["PENDING", "RUNNING", "STOPPED"]
    assert experiment.workflow_ends() == "SUCCEEDED"
    assert engine.running() == set()
    changes = [(each["from"], each["to"]) for each in experiment.heard("LoadTestTaskStateChanged")]
    assert changes == [(None, "PENDING"), ("PENDING", "RUNNING"), ("RUNNING", "STOPPED")]


def test_the_platform_says_when_its_fault_was_by_event_and_at_the_end(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan(stop_on_completion=True)
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    began = datetime.now(tz=UTC)
    task = {"experimentTaskId": experiment.experiment_task_id}
    platform.put("FaultStateChanged", **task, faultStartedAt=iso_utc(began))
    platform.put("FaultStateChanged", **task, faultStartedAt=iso_utc(began), userId="somebody-else")
    platform.put("FaultStateChanged", **task, faultStartedAt="2001-01-01T00:00:00Z")
    until(lambda: experiment.run is not None and experiment.run.fault_started_at, "the fault's start")
    ended = began + timedelta(seconds=1)
    experiment.finishes("SUCCEEDED", faultEndedAt=iso_utc(ended), faultStartedAt="not a time")
    until(lambda: experiment.run is not None and experiment.run.fault_ended_at, "the fault's end")
    assert experiment.settles().fault_window == FaultWindow(
        to_millis(began), to_millis(ended), WindowSource.TOLD, WindowSource.TOLD
    )
    experiment.settles()
    report = experiment.hears("LoadTestReportReady")
    assert report["verdict"] == "INCONCLUSIVE"


def test_an_experiment_without_a_strategy_gets_nothing(platform: Platform) -> None:
    experiment = platform.plan(enable=False)
    experiment.starts()
    kept = until(lambda: experiment.announced, "the entry of an experiment without a strategy")
    assert "no enabled strategy" in kept.reason
    assert experiment.run is None
    assert experiment.heard() == []


def test_an_id_that_was_announced_without_a_strategy_runs_once_there_is_one(platform: Platform) -> None:
    experiment = platform.plan(enable=False)
    experiment.starts()
    until(lambda: experiment.announced, "the entry of an experiment without a strategy")
    experiment.enable()
    experiment.starts()
    assert experiment.hears("FaultWindowOpen")["loadProven"] is True
    experiment.finishes()
    experiment.settles()


def test_the_same_event_five_times_starts_one_load(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan()
    for _ in range(5):
        experiment.starts()
    experiment.hears("FaultWindowOpen")
    assert engine.starts(experiment.task_id) == 1
    assert len(experiment.heard("FaultWindowOpen")) == 1
    experiment.finishes()
    experiment.settles()
    experiment.starts()
    time.sleep(0.5)  # nothing to poll for: a second load would have to appear by now
    assert engine.starts(experiment.task_id) == 1


def test_two_experiments_at_once_do_not_disturb_each_other(platform: Platform, engine: TrapEngine) -> None:
    first, second = platform.plan(), platform.plan()
    first.starts()
    second.starts()
    first.hears("FaultWindowOpen")
    second.hears("FaultWindowOpen")
    first.finishes()
    first.settles()
    assert second.status == "RUNNING"
    second.finishes("FAILED")
    assert second.settles().started_task.status == "STOPPED"


def test_a_normal_end_lets_the_load_run_on_to_its_duration(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan(traffic_duration_sec=4)
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    experiment.finishes("SUCCEEDED")
    assert experiment.workflow_ends() == "SUCCEEDED"
    assert experiment.status == "RUNNING"
    assert experiment.reaches("SUCCEEDED") == "SUCCEEDED"
    assert experiment.transitions == ["PENDING", "RUNNING", "SUCCEEDED"]


def test_stop_on_completion_stops_the_load_at_a_normal_end(platform: Platform) -> None:
    experiment = platform.plan(stop_on_completion=True)
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    experiment.finishes("SUCCEEDED")
    assert experiment.settles().started_task.status == "STOPPED"


def test_a_fault_at_a_fixed_moment_gets_its_window_then(platform: Platform) -> None:
    experiment = platform.plan(start_before_fault_sec=1)
    fault_at = datetime.now(UTC) + timedelta(seconds=8)
    experiment.starts(fault_at=iso_utc(fault_at))
    until(lambda: experiment.run, "the task")
    assert experiment.status == "PENDING"
    window = experiment.hears("FaultWindowOpen")
    opened = datetime.fromisoformat(window["at"])
    assert timedelta(0) <= opened - fault_at < timedelta(seconds=1)
    assert opened - datetime.fromisoformat(window["loadStartedAt"]) >= timedelta(seconds=1)
    experiment.finishes()
    experiment.settles()


def test_an_end_before_the_start_is_remembered_and_no_load_starts(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan()
    experiment.finishes("SUCCEEDED")
    until(lambda: experiment.run, "the remembered end")
    experiment.starts()
    assert experiment.workflow_ends() == "SUCCEEDED"
    assert experiment.status is None
    assert engine.starts(experiment.experiment_task_id) == 0
    assert experiment.heard() == []


def test_an_end_while_the_start_is_waited_for_ends_the_task_at_once(platform: Platform) -> None:
    experiment = platform.plan()
    experiment.starts(fault_at=iso_utc(datetime.now(UTC) + timedelta(seconds=9)))
    until(lambda: experiment.run, "the task")
    experiment.finishes("SUCCEEDED")
    assert experiment.reaches("STOPPED", seconds=3) == "STOPPED"
    assert experiment.workflow_ends() == "SUCCEEDED"
    assert experiment.heard("FaultWindowOpen") == []


def test_an_end_during_the_gate_opens_no_window(platform: Platform, engine: TrapEngine) -> None:
    engine.set_traps(replace(DEPLOYED, traffic=False))
    experiment = platform.plan()
    experiment.starts()
    experiment.reaches("RUNNING")
    experiment.finishes("STOPPED")
    assert experiment.settles().started_task.status == "STOPPED"
    assert experiment.heard("FaultWindowOpen") == []
    assert experiment.heard("ExperimentAbortRequested") == []


def test_an_end_during_the_lead_time_stops_the_load_at_once(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan(start_before_fault_sec=8)
    experiment.starts()
    until(lambda: experiment.run and experiment.run.load_proven_at, "the proven load")
    experiment.finishes("STOPPED")
    assert experiment.reaches("STOPPED", seconds=5) == "STOPPED"
    assert engine.running() == set()
    assert experiment.workflow_ends() == "SUCCEEDED"
    assert experiment.heard("FaultWindowOpen") == []


def test_a_good_end_during_the_lead_time_opens_no_window_and_the_load_runs_on(platform: Platform) -> None:
    experiment = platform.plan(start_before_fault_sec=3, traffic_duration_sec=8)
    experiment.starts()
    until(lambda: experiment.run and experiment.run.load_proven_at, "the proven load")
    experiment.finishes("SUCCEEDED")
    assert experiment.workflow_ends() == "SUCCEEDED"
    assert experiment.heard("FaultWindowOpen") == []
    assert experiment.reaches("SUCCEEDED") == "SUCCEEDED"


@pytest.mark.parametrize("aborts", [True, False])
def test_a_load_without_requests_is_no_load(platform: Platform, engine: TrapEngine, aborts: bool) -> None:
    engine.set_traps(replace(DEPLOYED, traffic=False))
    experiment = platform.plan(gate=Gate(timeout_sec=4), abort_on_load_failure=aborts)
    experiment.starts()
    assert experiment.reaches("FAILED") == "FAILED"
    run = experiment.settles()
    assert "no samples arrived" in (run.started_task.error_message or "")
    assert engine.running() == set()
    assert experiment.workflow_ends() == "FAILED"
    if aborts:
        assert experiment.heard("FaultWindowOpen") == []
        assert len(experiment.heard("ExperimentAbortRequested")) == 1
    else:
        assert [window["loadProven"] for window in experiment.heard("FaultWindowOpen")] == [False]
        assert experiment.heard("ExperimentAbortRequested") == []


def test_a_gate_asks_for_throughput_and_tells_what_it_measured(platform: Platform, engine: TrapEngine) -> None:
    engine.set_traps(replace(DEPLOYED, throughput=5.0))
    experiment = platform.plan(gate=Gate(timeout_sec=7, min_throughput=50), abort_on_load_failure=True)
    experiment.starts()
    asked = until(lambda: gate if (gate := gate_of(experiment)).get("measured") else None, "a look")
    assert asked["wanted"] == {
        "minSamples": 20,
        "minSeconds": 3,
        "minThroughput": 50,
        "maxErrorRate": 0.5,
        "timeoutSec": 7,
    }
    assert asked["until"] is not None
    reason = experiment.hears("ExperimentAbortRequested")["reason"]
    assert re.search(r"the load was not proven within 7 s: [0-9.]+ requests/s \(gate wants at least 50\)", reason)
    assert re.search(r"JMeter log: results/\S+/jmeter.log", reason)
    measured = gate_of(experiment)["measured"]
    assert measured["samples"] >= 20
    assert measured["seconds"] >= 3
    assert measured["requestsPerSec"] == pytest.approx(5, abs=1)
    assert measured["errorRate"] == 0
    experiment.settles()


def test_a_load_that_fails_is_never_proven(platform: Platform, engine: TrapEngine) -> None:
    engine.set_traps(replace(DEPLOYED, error_rate=1.0))
    experiment = platform.plan(gate=Gate(timeout_sec=8))
    experiment.starts()
    window = experiment.hears("FaultWindowOpen")
    assert window["loadProven"] is False
    assert re.search(r"100 % of \d+ requests failed in the last \S+ s \(gate allows 50 %\)", window["reason"])
    run = experiment.settles()
    assert run.started_task.status == "FAILED"
    assert run.load_proven_at is None


def test_a_service_that_heals_while_the_gate_looks_is_proven(platform: Platform, engine: TrapEngine) -> None:
    engine.set_traps(replace(DEPLOYED, error_rate=1.0))
    experiment = platform.plan(gate=Gate(timeout_sec=25))
    experiment.starts()
    until(lambda: experiment.run and experiment.run.load_started_at, "samples")
    engine.set_traps_for(experiment.task_id, replace(DEPLOYED, errors_until_seconds=4.0, error_rate=1.0))
    window = experiment.hears("FaultWindowOpen")
    assert window["loadProven"] is True
    experiment.finishes()
    experiment.settles()


@pytest.mark.parametrize("aborts", [True, False])
def test_a_refused_start_fails_the_task(platform: Platform, engine: TrapEngine, aborts: bool) -> None:
    engine.add_fault(Fault(FaultKind.FRAMEWORK_400, on=frozenset({Call.START})))
    experiment = platform.plan(abort_on_load_failure=aborts)
    experiment.starts()
    assert experiment.reaches("FAILED") == "FAILED"
    experiment.settles()
    assert len(experiment.heard("ExperimentAbortRequested")) == int(aborts)
    assert len(experiment.heard("FaultWindowOpen")) == int(not aborts)
    assert experiment.transitions == ["PENDING", "FAILED"]


def test_an_engine_that_is_full_for_a_moment_is_asked_again(platform: Platform, engine: TrapEngine) -> None:
    engine.add_fault(Fault(FaultKind.BUSY_503, on=frozenset({Call.START}), calls=2))
    experiment = platform.plan()
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    assert engine.starts(experiment.task_id) == 1
    experiment.finishes()
    experiment.settles()


def test_an_engine_that_stays_full_fails_the_task_in_bounded_time(platform: Platform, engine: TrapEngine) -> None:
    engine.add_fault(Fault(FaultKind.BUSY_503, on=frozenset({Call.START}), calls=None))
    experiment = platform.plan(abort_on_load_failure=True)
    experiment.starts()
    assert experiment.reaches("FAILED", seconds=20) == "FAILED"
    assert "could not be started" in experiment.hears("ExperimentAbortRequested")["reason"]
    experiment.settles()


@pytest.mark.parametrize("kind", [FaultKind.DO_AND_CUT, FaultKind.DO_AND_500])
def test_a_start_whose_answer_was_lost_is_found_again(platform: Platform, engine: TrapEngine, kind: FaultKind) -> None:
    engine.add_fault(Fault(kind, on=frozenset({Call.START})))
    experiment = platform.plan()
    experiment.starts()
    assert experiment.hears("FaultWindowOpen")["loadProven"] is True
    assert engine.starts(experiment.task_id) == 1
    experiment.finishes()
    assert experiment.settles().started_task.status == "STOPPED"
    assert engine.running() == set()


def test_a_start_that_was_never_answered_and_never_happened_fails_the_task(
    platform: Platform, engine: TrapEngine
) -> None:
    engine.add_fault(Fault(FaultKind.CUT, on=frozenset({Call.START}), calls=None))
    experiment = platform.plan(abort_on_load_failure=True)
    experiment.starts()
    assert experiment.reaches("FAILED", seconds=20) == "FAILED"
    experiment.hears("ExperimentAbortRequested")
    assert len([call for call in engine.calls_of(Call.START) if experiment.task_id in call.body.decode()]) == 1


@pytest.mark.parametrize("aborts", [True, False])
def test_a_load_that_dies_during_the_lead_time(platform: Platform, engine: TrapEngine, aborts: bool) -> None:
    engine.set_traps(replace(DEPLOYED, dies_after_seconds=2.5))
    experiment = platform.plan(start_before_fault_sec=6, abort_on_load_failure=aborts)
    experiment.starts()
    assert experiment.reaches("FAILED") == "FAILED"
    experiment.settles()
    assert len(experiment.heard("ExperimentAbortRequested")) == int(aborts)
    assert [window["loadProven"] for window in experiment.heard("FaultWindowOpen")] == ([] if aborts else [False])


def test_a_load_that_dies_during_the_fault_asks_for_the_abort(platform: Platform, engine: TrapEngine) -> None:
    engine.set_traps(replace(DEPLOYED, dies_after_seconds=4))
    experiment = platform.plan(abort_on_load_failure=True)
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    experiment.hears("ExperimentAbortRequested", seconds=15)
    assert experiment.settles().started_task.status == "FAILED"
    assert experiment.workflow_ends() == "FAILED"


def test_a_user_who_stops_before_the_window_gets_it_unproven(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan(start_before_fault_sec=4, abort_on_load_failure=True)
    experiment.starts()
    until(lambda: experiment.run and experiment.run.load_proven_at, "the proven load")
    answer = platform.post("StopLoadTestTask", taskId=experiment.task_id)
    assert answer.json()["result"] is True
    assert experiment.reaches("STOPPED") == "STOPPED"
    window = experiment.hears("FaultWindowOpen")
    assert window["loadProven"] is False
    assert "stopped by the user" in window["reason"]
    experiment.settles()
    assert experiment.heard("ExperimentAbortRequested") == []


def test_a_user_who_stops_during_the_fault_ends_the_load_alone(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan(abort_on_load_failure=True)
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    assert platform.post("StopLoadTestTask", taskId=experiment.task_id).json()["result"] is True
    assert experiment.settles().started_task.status == "STOPPED"
    assert experiment.heard("ExperimentAbortRequested") == []
    assert engine.running() == set()


def test_the_deadline_ends_a_load_that_does_not_end(platform: Platform, engine: TrapEngine) -> None:
    engine.set_traps(replace(DEPLOYED, duration_slack_seconds=600))
    experiment = platform.plan(traffic_duration_sec=2)
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    assert experiment.reaches("TIMEOUT") == "TIMEOUT"
    experiment.settles()
    assert engine.running() == set()


def test_a_stop_that_the_engine_ignores_at_first_is_repeated_until_it_confirms(
    platform: Platform, engine: TrapEngine
) -> None:
    experiment = platform.plan()
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    engine.add_fault(Fault(FaultKind.ERROR_500, on=frozenset({Call.STOP}), calls=2))
    experiment.finishes()
    assert experiment.settles(60).started_task.status == "STOPPED"
    assert engine.running() == set()


def test_a_step_that_breaks_is_cleaned_up_and_the_execution_fails(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan(gate=Gate(timeout_sec=30))
    engine.set_traps(replace(DEPLOYED, traffic=False))
    experiment.starts()
    experiment.reaches("RUNNING")
    [execution] = platform.executions(experiment.experiment_task_id)
    platform.stop_execution(execution["executionArn"])
    assert experiment.reaches("FAILED") == "FAILED"
    until(lambda: experiment.run and experiment.run.settled, "the run settled")
    assert experiment.hears("FaultWindowOpen")["loadProven"] is False
    assert engine.running() == set()


def test_another_users_event_for_the_same_experiment_task_is_refused(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan()
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    experiment.finishes(userId="mallory")
    time.sleep(0.5)  # nothing to poll for: a stop would have to be accepted by now
    run = experiment.run
    assert run is not None
    assert run.finished_at is None
    experiment.finishes(userId="alice")
    experiment.settles()


def test_a_run_costs_few_events_however_long_it_lasts(platform: Platform) -> None:
    experiment = platform.plan()
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    experiment.finishes()
    experiment.settles()
    [execution] = platform.executions(experiment.experiment_task_id)
    assert len(platform.history(execution["executionArn"])) < 60


def test_the_report_of_a_load_that_failed_its_gate_comes_when_its_stop_is_confirmed(
    platform: Platform, engine: TrapEngine
) -> None:
    engine.set_traps(replace(DEPLOYED, throughput=0.0))
    experiment = platform.plan(gate=Gate(timeout_sec=1))
    experiment.starts()
    assert experiment.hears("FaultWindowOpen")["loadProven"] is False
    experiment.finishes("FAILED")
    run = experiment.settles()
    assert run.started_task.status == "FAILED"
    assert run.stop_confirmed_at is not None
    report = experiment.hears("LoadTestReportReady", seconds=15)
    late = datetime.fromisoformat(report["at"]) - run.stop_confirmed_at
    assert timedelta(0) <= late < timedelta(seconds=5)
    answer = platform.get("GetLoadTestTask", experimentTaskId=experiment.experiment_task_id)
    assert answer.json()["result"]["verdict"] == report["verdict"] == "INCONCLUSIVE"
