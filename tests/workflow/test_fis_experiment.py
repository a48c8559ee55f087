"""Experiments of AWS FIS: the state machine itself injects, and FIS's events end its wait."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from moto.core.exceptions import JsonRESTError
from moto.fis.models import FISBackend
from tandem.domain.strategy import Gate

from local.event_bus import aws_event
from local.stack import LocalStack
from tests.factories.platform import Experiment, Platform, until
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine

WAIT = "aws:fis:wait"
FOR_LONG = {"break": {"actionId": WAIT, "parameters": {"duration": "PT10M"}}}
TWO_ACTIONS = {
    "first": {"actionId": WAIT, "parameters": {"duration": "PT1S"}},
    "second": {"actionId": WAIT, "parameters": {"duration": "PT1S"}, "startAfter": ["first"]},
}


def injects(experiment: Experiment) -> dict[str, Any]:
    """Wait until FIS runs the one experiment and the run knows it."""

    def look() -> dict[str, Any] | None:
        found = experiment.platform.injections(experiment)
        known = experiment.run is not None and experiment.run.injection_id is not None
        return found[0] if known and found and found[0]["state"]["status"] == "running" else None

    return until(look, f"the fault of {experiment.experiment_task_id}")


def waits(experiment: Experiment) -> None:
    until(lambda: experiment.run and experiment.run.task_token, "the workflow that waits")


def state_of(experiment: Experiment) -> str:
    [injection] = experiment.platform.injections(experiment)
    return str(injection["state"]["status"])


def test_the_machine_injects_when_the_window_opens_and_fis_ends_the_wait(
    platform: Platform, engine: TrapEngine
) -> None:
    experiment = platform.plan_fault(TWO_ACTIONS, stop_on_completion=True)
    experiment.starts()
    run = experiment.settles()
    assert run.window_load_proven is True
    assert (run.outcome, experiment.workflow_ends()) == ("SUCCEEDED", "SUCCEEDED")
    assert experiment.transitions == ["PENDING", "RUNNING", "STOPPED"]
    assert engine.running() == set()
    [injection] = platform.injections(experiment)
    assert injection["tags"] == {"tandem:taskId": run.started_task.task_id}
    assert run.injection_id == injection["id"]
    first, second = injection["actions"]["first"], injection["actions"]["second"]
    assert run.fault_started_at is not None
    assert run.fault_ended_at is not None
    assert abs(run.fault_started_at.timestamp() - first["startTime"].timestamp()) < 0.002
    assert abs(run.fault_ended_at.timestamp() - second["endTime"].timestamp()) < 0.002
    assert run.window_opened_at is not None
    assert run.window_opened_at <= run.fault_started_at
    assert len(experiment.heard("FaultWindowOpen")) == 1
    [execution] = platform.executions(experiment.experiment_task_id)
    assert len(platform.history(execution["executionArn"])) < 60


def test_a_fault_that_ends_well_lets_the_load_run_on(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan_fault(TWO_ACTIONS, traffic_duration_sec=8)
    experiment.starts()
    until(lambda: experiment.run and experiment.run.finished_at, "the end of the fault")
    assert len(engine.running()) == 1
    assert experiment.settles().started_task.status == "SUCCEEDED"


def test_a_fault_that_somebody_stops_in_fis_stops_the_load(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan_fault(FOR_LONG)
    experiment.starts()
    platform.stop_injection(injects(experiment)["id"])
    run = experiment.settles()
    assert (run.outcome, run.started_task.status) == ("STOPPED", "STOPPED")
    assert "halted by user" in (run.finish_reason or "")
    assert engine.running() == set()


def test_a_load_that_dies_during_the_fault_stops_the_fault(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan_fault(FOR_LONG, abort_on_load_failure=True)
    experiment.starts()
    injects(experiment)
    waits(experiment)
    [execution_id] = engine.running()
    engine.set_traps_for(execution_id, replace(DEPLOYED, dies_after_seconds=0))
    experiment.hears("ExperimentAbortRequested", seconds=15)
    run = experiment.settles()
    assert state_of(experiment) == "stopped"
    assert (run.outcome, run.started_task.status) == ("STOPPED", "FAILED")
    assert experiment.workflow_ends() == "FAILED"
    [execution] = platform.executions(experiment.experiment_task_id)
    history = platform.history(execution["executionArn"])
    entered = [each["stateEnteredEventDetails"]["name"] for each in history if "stateEnteredEventDetails" in each]
    assert entered.count("StopInjection") == 1
    assert entered.index("StopInjection") < entered.index("AbortExperiment")


def test_a_load_that_is_never_proven_means_no_fault_when_the_strategy_aborts(
    platform: Platform, engine: TrapEngine
) -> None:
    engine.set_traps(replace(DEPLOYED, traffic=False))
    experiment = platform.plan_fault(TWO_ACTIONS, gate=Gate(timeout_sec=4), abort_on_load_failure=True)
    experiment.starts()
    assert experiment.settles().started_task.status == "FAILED"
    assert experiment.workflow_ends() == "FAILED"
    assert platform.injections(experiment) == []
    assert len(experiment.heard("ExperimentAbortRequested")) == 1
    assert experiment.heard("FaultWindowOpen") == []


def test_without_abort_the_fault_comes_though_the_load_is_not_proven(platform: Platform, engine: TrapEngine) -> None:
    engine.set_traps(replace(DEPLOYED, traffic=False))
    experiment = platform.plan_fault(TWO_ACTIONS, gate=Gate(timeout_sec=4))
    experiment.starts()
    run = experiment.settles()
    assert run.window_load_proven is False
    assert (run.outcome, state_of(experiment)) == ("SUCCEEDED", "completed")
    assert experiment.workflow_ends() == "FAILED"
    assert experiment.heard("ExperimentAbortRequested") == []


def test_an_experiment_that_ended_before_its_window_starts_no_fault(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan_fault(TWO_ACTIONS, start_before_fault_sec=4)
    experiment.starts()
    until(lambda: experiment.run and experiment.run.load_proven_at, "the proven load")
    experiment.finishes()
    experiment.settles()
    assert platform.injections(experiment) == []


def test_an_end_that_comes_over_our_bus_stops_the_fault_too(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan_fault(FOR_LONG)
    experiment.starts()
    injects(experiment)
    waits(experiment)
    experiment.finishes()
    assert experiment.settles().started_task.status == "STOPPED"
    assert state_of(experiment) == "stopped"


def test_a_user_who_stops_the_load_leaves_the_fault_to_its_own_end(platform: Platform, engine: TrapEngine) -> None:
    actions = {"break": {"actionId": WAIT, "parameters": {"duration": "PT4S"}}}
    experiment = platform.plan_fault(actions, abort_on_load_failure=True)
    experiment.starts()
    injects(experiment)
    assert platform.post("StopLoadTestTask", taskId=experiment.task_id).json()["result"] is True
    assert experiment.reaches("STOPPED") == "STOPPED"
    assert state_of(experiment) == "running"
    assert experiment.settles().outcome == "SUCCEEDED"


def test_repeated_events_and_those_of_others_change_nothing(
    stack: LocalStack, platform: Platform, engine: TrapEngine
) -> None:
    experiment = platform.plan_fault(TWO_ACTIONS, stop_on_completion=True)
    experiment.starts()
    experiment.settles()
    # The report comes by itself, and leaves its verdict on the run.
    run = until(lambda: experiment.run if experiment.run and experiment.run.archived_at else None, "the archive")
    story = experiment.story
    detail = {
        "experiment-id": run.injection_id,
        "experiment-template-id": run.template_id,
        "new-state": {"status": "stopped", "reason": "late"},
    }
    for told in (detail, detail, {**detail, "experiment-id": "EXPother"}, {**detail, "experiment-template-id": "EXT"}):
        tell(stack, told)
    assert experiment.run == run
    assert experiment.story == story


def tell(stack: LocalStack, detail: Mapping[str, Any]) -> None:
    """Call the function with an event of FIS, as the default bus does."""
    event = aws_event("aws.fis", "FIS Experiment State Change", detail)
    answer = stack.client("lambda").invoke(FunctionName="OnFisStateChangeFunction", Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()


class FaultyFis:
    """Spoils moto's StartExperiment for the templates of one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._start = FISBackend.start_experiment
        self.asked = 0

    def refuses(self, code: str, status: int = 400) -> None:
        def refuse(*_: Any, **__: Any) -> Any:
            self.asked += 1
            refusal = JsonRESTError(code, "no")
            refusal.code = status
            raise refusal

        self._patch.setattr(FISBackend, "start_experiment", refuse)

    def starts_and_loses_the_answer(self, times: int) -> None:
        def start(*args: Any, **options: Any) -> Any:
            answer = self._start(*args, **options)
            self.asked += 1
            if self.asked <= times:
                raise JsonRESTError("InternalServerException", "the answer was lost")
            return answer

        self._patch.setattr(FISBackend, "start_experiment", start)

    def throttles(self, call: str, times: int) -> None:
        """The first so many calls are answered as AWS answers too many: 429, ThrottlingException."""
        plain = getattr(FISBackend, call)

        def throttle(*args: Any, **options: Any) -> Any:
            self.asked += 1
            if self.asked <= times:
                refusal = JsonRESTError("ThrottlingException", "Rate exceeded")
                refusal.code = 429
                raise refusal
            return plain(*args, **options)

        self._patch.setattr(FISBackend, call, throttle)

    def starts_and_then(self, do: Any) -> None:
        def start(*args: Any, **options: Any) -> Any:
            answer = self._start(*args, **options)
            do()
            return answer

        self._patch.setattr(FISBackend, "start_experiment", start)


@pytest.fixture
def fis(stack: LocalStack) -> Iterator[FaultyFis]:
    with pytest.MonkeyPatch.context() as patch:
        yield FaultyFis(patch)


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ServiceQuotaExceededException", "ResourceNotFoundException"]
)
def test_a_fault_that_fis_refuses_ends_the_load_and_everybody_is_told(
    platform: Platform, engine: TrapEngine, fis: FaultyFis, code: str
) -> None:
    fis.refuses(code)
    experiment = platform.plan_fault(FOR_LONG)
    experiment.starts()
    assert experiment.reaches("FAILED") == "FAILED"
    assert "Fis." in experiment.hears("ExperimentAbortRequested")["reason"]
    assert experiment.workflow_ends() == "FAILED"
    run = until(lambda: experiment.run if not (experiment.run and experiment.run.stop_pending) else None, "the stop")
    assert "Fis." in (run.started_task.error_message or "")
    assert engine.running() == set()
    assert platform.injections(experiment) == []


def test_a_start_that_fis_throttles_for_a_while_is_made_once(
    platform: Platform, engine: TrapEngine, fis: FaultyFis
) -> None:
    fis.throttles("start_experiment", times=3)
    experiment = platform.plan_fault(TWO_ACTIONS, stop_on_completion=True)
    experiment.starts()
    assert experiment.settles(seconds=60).outcome == "SUCCEEDED"
    assert len(platform.injections(experiment)) == 1


def test_a_fault_whose_stop_fis_throttles_is_stopped_in_the_end(
    platform: Platform, engine: TrapEngine, fis: FaultyFis
) -> None:
    experiment = platform.plan_fault(FOR_LONG, abort_on_load_failure=True)
    experiment.starts()
    injects(experiment)
    waits(experiment)
    fis.throttles("stop_experiment", times=12)
    [execution_id] = engine.running()
    engine.set_traps_for(execution_id, replace(DEPLOYED, dies_after_seconds=0))
    until(lambda: state_of(experiment) == "stopped", "the stop of the fault", seconds=60)
    assert fis.asked > 12
    assert experiment.reaches("FAILED") == "FAILED"


def test_a_start_whose_answer_is_lost_starts_one_fault(platform: Platform, engine: TrapEngine, fis: FaultyFis) -> None:
    fis.starts_and_loses_the_answer(2)
    experiment = platform.plan_fault(TWO_ACTIONS, stop_on_completion=True)
    experiment.starts()
    assert experiment.settles().outcome == "SUCCEEDED"
    assert len(platform.injections(experiment)) == 1
    assert fis.asked == 3


def test_a_workflow_that_is_stopped_during_the_fault_stops_fault_and_load(
    platform: Platform, engine: TrapEngine
) -> None:
    experiment = platform.plan_fault(FOR_LONG)
    experiment.starts()
    injects(experiment)
    waits(experiment)
    [execution] = platform.executions(experiment.experiment_task_id)
    platform.stop_execution(execution["executionArn"])
    run = experiment.settles()
    assert (run.outcome, run.started_task.status) == ("STOPPED", "FAILED")
    assert state_of(experiment) == "stopped"
    assert len(experiment.heard("ExperimentAbortRequested")) == 1
    assert engine.running() == set()


def test_a_workflow_that_dies_before_it_remembers_its_fault_leaves_none(
    platform: Platform, engine: TrapEngine, fis: FaultyFis
) -> None:
    experiment = platform.plan_fault(FOR_LONG)

    def kill() -> None:
        [execution] = platform.executions(experiment.experiment_task_id)
        platform.stop_execution(execution["executionArn"])

    fis.starts_and_then(kill)
    experiment.starts()
    run = experiment.settles()
    assert (run.outcome, run.started_task.status) == ("STOPPED", "FAILED")
    [injection] = platform.injections(experiment)
    assert injection["state"]["status"] == "stopped"
    assert run.injection_id == injection["id"]
    assert engine.running() == set()


def test_run_experiment_starts_fault_and_load_over_the_api(platform: Platform, engine: TrapEngine) -> None:
    experiment = platform.plan_fault(TWO_ACTIONS, stop_on_completion=True)
    answers = [
        platform.post("RunExperiment", experimentId=experiment.experiment_id, clientToken="nightly") for _ in range(2)
    ]
    ids = {answer.json()["result"]["experimentTaskId"] for answer in answers}
    assert len(ids) == 1
    begun = Experiment(platform, experiment.experiment_id, ids.pop())
    until(lambda: begun.run, "the run")
    assert begun.settles().outcome == "SUCCEEDED"
    assert len(platform.injections(experiment)) == 1
