"""The rules of a run whose fault we inject ourselves, one by one."""

from dataclasses import replace
from typing import Any

import pytest
from tandem.domain.engine_state import StopReason
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.injection import Injection, InjectionState, client_token, template_of
from tandem.domain.limits import Limits
from tandem.domain.messages import Channel, EventName, StopWhat
from tandem.domain.task import TaskStatus
from tandem.domain.workflow_step import NextStep, StepResult

from tests.factories.experiments import NOON, open_run, proven_run, seconds_after_noon

LATER = seconds_after_noon(20)
EXPERIMENT = Injection("EXP1", "EXT1", InjectionState.RUNNING, "ldtask_1")


def ours(run: ExperimentRun) -> ExperimentRun:
    run.experiment_id = "fis:EXT1"
    run.messages.clear()
    return run


def injected(**changes: Any) -> ExperimentRun:
    """A run whose fault began 12 s after noon."""
    run = ours(open_run(**changes))
    run.remember_injection("EXP1", seconds_after_noon(12))
    return run


def fault_stops(run: ExperimentRun) -> int:
    wanted = [message for message in run.messages if message.channel is Channel.STOP_QUEUE]
    return sum(message.body.get("what") == StopWhat.INJECTION for message in wanted)


def test_an_id_names_a_template_only_behind_its_prefix() -> None:
    assert template_of("fis:EXT1") == "EXT1"
    assert [template_of(each) for each in ("exp-1", "FIS:EXT1", "xfis:EXT1", None)] == [None] * 4


def test_a_client_token_is_what_fis_takes_and_differs_from_task_to_task() -> None:
    assert len(client_token("et-1" * 16)) == 64
    assert client_token("et-1") == client_token("et-1") != client_token("et-2")


def test_the_fault_is_to_be_injected_once_and_only_behind_an_open_window() -> None:
    run = ours(proven_run())
    assert run.next_step() is NextStep.CONTINUE
    run.open_due_window(seconds_after_noon(11))
    assert run.next_step() is NextStep.INJECT
    run.open_due_window(seconds_after_noon(12))
    run.remember_injection("EXP1", seconds_after_noon(12))
    run.remember_injection("EXP2", seconds_after_noon(13))
    assert (run.injection_id, run.next_step()) == ("EXP1", NextStep.CONTINUE)
    assert len([each for each in run.messages if each.topic == EventName.FAULT_WINDOW_OPEN]) == 1


def test_another_platforms_experiment_is_never_injected_by_us() -> None:
    assert open_run().next_step() is NextStep.CONTINUE
    assert not open_run().injection_may_run
    document = StepResult.of(open_run()).document()
    assert document["injection"] == {"templateId": "", "clientToken": "", "taskId": "", "id": "", "stop": False}


@pytest.mark.parametrize("ends", ["abort", "finish"])
def test_no_fault_begins_after_an_abort_or_an_end(ends: str) -> None:
    run = ours(open_run())
    if ends == "abort":
        run.request_abort("lost", LATER)
    else:
        run.finish(Outcome.STOPPED, None, LATER)
    assert run.next_step() in {NextStep.ABORT, NextStep.STOP}


def test_a_workflow_that_waits_stops_the_fault_itself() -> None:
    run = injected()
    run.wait_with("token")
    run.request_abort("the load was lost", LATER)
    [answer] = [message for message in run.messages if message.channel is Channel.WORKFLOW]
    assert answer.body["next"] == "ABORT"
    assert answer.body["injection"]["stop"] is True
    assert answer.body["injection"]["id"] == "EXP1"
    assert fault_stops(run) == 0


@pytest.mark.parametrize("ends", ["abort", "finish"])
def test_without_a_waiting_workflow_the_worker_stops_the_fault(ends: str) -> None:
    run = injected()
    if ends == "abort":
        run.request_abort("the load was lost", LATER)
    else:
        run.finish(Outcome.STOPPED, None, LATER)
    assert fault_stops(run) == 1
    assert run.injection_stop_pending


def test_a_fault_whose_id_nobody_knows_yet_is_looked_for_by_the_worker() -> None:
    run = ours(open_run())
    run.request_abort("lost", LATER)
    assert StepResult.of(run).injection.stop is False
    assert fault_stops(run) == 1


@pytest.mark.parametrize(
    ("state", "outcome", "load_stops"),
    [
        (InjectionState.COMPLETED, Outcome.SUCCEEDED, False),
        (InjectionState.STOPPED, Outcome.STOPPED, True),
        (InjectionState.CANCELLED, Outcome.STOPPED, True),
        (InjectionState.FAILED, Outcome.FAILED, True),
    ],
)
def test_the_end_that_fis_tells_is_the_end_of_the_experiment(
    state: InjectionState, outcome: Outcome, load_stops: bool
) -> None:
    run = injected()
    run.learn_injection(replace(EXPERIMENT, state=state, reason="why"), LATER)
    assert (run.outcome, run.finished_at, run.injection_ended_at) == (outcome, LATER, LATER)
    assert "EXP1" in (run.finish_reason or "")
    assert run.stop_pending is load_stops
    assert not run.injection_stop_pending
    assert fault_stops(run) == 0
    run.learn_injection(replace(EXPERIMENT, state=InjectionState.FAILED), seconds_after_noon(30))
    assert (run.outcome, run.injection_ended_at) == (outcome, LATER)


@pytest.mark.parametrize("state", [InjectionState.PENDING, InjectionState.RUNNING, InjectionState.UNKNOWN])
def test_a_fault_that_goes_on_ends_nothing(state: InjectionState) -> None:
    run = injected()
    run.learn_injection(replace(EXPERIMENT, state=state), LATER)
    assert run.finished_at is None
    assert run.messages == []


def test_the_fault_window_is_that_of_the_actions() -> None:
    run = injected()
    ended = replace(
        EXPERIMENT,
        state=InjectionState.COMPLETED,
        fault_started_at=seconds_after_noon(13),
        fault_ended_at=seconds_after_noon(19),
    )
    run.learn_injection(ended, LATER)
    assert (run.fault_started_at, run.fault_ended_at) == (seconds_after_noon(13), seconds_after_noon(19))


def test_actions_that_took_no_time_end_the_experiment_all_the_same() -> None:
    run = injected()
    moment = seconds_after_noon(13)
    ended = replace(EXPERIMENT, state=InjectionState.COMPLETED, fault_started_at=moment, fault_ended_at=moment)
    run.learn_injection(ended, LATER)
    assert run.outcome is Outcome.SUCCEEDED
    assert run.fault_started_at is None
    assert any("no fault window" in entry.reason for entry in run.audit)


def test_a_run_is_settled_only_when_its_fault_is_over() -> None:
    run = injected()
    run.end_task(TaskStatus.SUCCEEDED, "done", LATER)
    assert not run.settled
    run.learn_injection(replace(EXPERIMENT, state=InjectionState.COMPLETED), LATER)
    assert run.settled


def test_a_lost_workflow_lets_no_fault_of_ours_begin() -> None:
    run = ours(proven_run())
    run.lose_workflow("gone", LATER)
    assert run.window_opened_at is None
    assert run.started_task.status is TaskStatus.FAILED
    assert run.stop_cause is StopReason.WORKFLOW_FAILED
    assert [each.topic for each in run.messages if each.channel is Channel.EVENT_BUS].count(
        EventName.EXPERIMENT_ABORT_REQUESTED
    ) == 1
    assert fault_stops(run) == 0


def test_a_lost_workflow_stops_a_fault_of_ours_and_its_load() -> None:
    run = injected()
    run.lose_workflow("gone", LATER)
    assert run.started_task.status is TaskStatus.FAILED
    assert run.injection_stop_pending
    assert fault_stops(run) == 1
    run.lose_workflow("gone", LATER)
    assert fault_stops(run) == 1


def test_a_run_needs_its_workflow_while_load_and_fault_go_on() -> None:
    run = injected()
    assert run.needs_workflow
    run.end_task(TaskStatus.SUCCEEDED, "done", LATER)
    assert not run.needs_workflow
    assert not open_run().needs_workflow


def test_a_fault_that_never_turns_up_is_given_up_when_none_can_come_any_more() -> None:
    run = ours(open_run())
    run.miss_injection(Limits(), seconds_after_noon(11 + 300))
    assert run.injection_may_run
    run.miss_injection(Limits(), seconds_after_noon(11 + 301))
    assert (run.outcome, run.injection_may_run) == (Outcome.FAILED, False)


def test_the_windows_moment_is_told_only_while_the_window_may_open() -> None:
    run = ours(proven_run())
    assert StepResult.of(run).window_due_at == seconds_after_noon(11)
    run.request_abort("lost", LATER)
    assert StepResult.of(run).window_due_at is None
    assert StepResult.of(run).document()["windowDueAt"] < "2001"  # type: ignore[operator]
    assert run.created_at == NOON
