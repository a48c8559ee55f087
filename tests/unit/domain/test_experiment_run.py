"""The rules of an experiment's run, one by one."""

import pytest
from tandem.domain.audit import AuditKind
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import EngineUnavailable
from tandem.domain.experiment_run import ExperimentRun, NotThisRunsOwner, Outcome
from tandem.domain.identity import Owner
from tandem.domain.limits import Limits
from tandem.domain.load_engine import EngineStatus
from tandem.domain.messages import Channel, EventName
from tandem.domain.task import TaskStatus
from tandem.domain.workflow_step import NextStep, StepResult

from tests.factories.experiments import (
    NOON,
    engine_run,
    open_run,
    proven_run,
    run,
    seconds_after_noon,
    started_run,
)


def events(run: ExperimentRun, name: EventName) -> list[dict[str, object]]:
    return [dict(message.body) for message in run.messages if message.topic == name]


def transitions(run: ExperimentRun) -> list[tuple[TaskStatus | None, TaskStatus | None]]:
    return [(entry.from_status, entry.to_status) for entry in run.audit if entry.kind is AuditKind.TRANSITION]


def status(run: ExperimentRun) -> TaskStatus:
    return run.started_task.status


def stops(run: ExperimentRun) -> int:
    return sum(message.channel is Channel.STOP_QUEUE for message in run.messages)


def test_a_new_run_goes_on_and_tells_that_its_task_is_pending() -> None:
    fresh = run()
    assert fresh.next_step() is NextStep.CONTINUE
    [change] = events(fresh, EventName.TASK_STATE_CHANGED)
    assert (change["from"], change["to"], change["taskId"]) == (None, "PENDING", "ldtask_1")


def test_a_load_that_the_engine_took_runs_until_duration_and_grace_are_over() -> None:
    started = started_run(traffic_duration_sec=60)
    assert status(started) is TaskStatus.RUNNING
    assert started.deadline == seconds_after_noon(60 + 120)


def test_taking_the_same_load_twice_changes_nothing() -> None:
    started = started_run()
    before = list(started.audit)
    started.accept_load(engine_run(execution_id="other"), 120, seconds_after_noon(5))
    assert started.started_task.execution_id == "0a1b2c3d"
    assert started.audit == before


def test_the_lead_time_counts_from_the_first_sample() -> None:
    started = started_run(start_before_fault_sec=10)
    started.see_first_sample(seconds_after_noon(3))
    started.see_first_sample(seconds_after_noon(9))
    assert started.window_due_at == seconds_after_noon(13)


def test_a_fault_at_a_fixed_moment_keeps_its_moment() -> None:
    started = started_run(fault_at=seconds_after_noon(30))
    started.see_first_sample(seconds_after_noon(3))
    assert started.window_due_at == seconds_after_noon(30)


def test_the_window_opens_once_with_a_proven_load() -> None:
    opened = open_run()
    opened.open_due_window(seconds_after_noon(12))
    [window] = events(opened, EventName.FAULT_WINDOW_OPEN)
    assert window["loadProven"] is True
    assert window["loadStartedAt"] == "2026-01-02T12:00:01.000+00:00"
    assert "reason" not in window
    assert opened.next_step() is NextStep.CONTINUE


def test_a_lead_that_a_fixed_fault_cut_short_is_told() -> None:
    proven = proven_run(fault_at=seconds_after_noon(5))
    proven.open_due_window(seconds_after_noon(5))
    [window] = events(proven, EventName.FAULT_WINDOW_OPEN)
    assert window["reason"] == "the load led by 4.0 s of 10 s"


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.FAILED])
def test_an_experiment_that_ends_badly_stops_its_load(outcome: Outcome) -> None:
    opened = open_run()
    opened.finish(outcome, "by hand", seconds_after_noon(20))
    assert opened.next_step() is NextStep.STOP
    assert stops(opened) == 1
    assert status(opened) is TaskStatus.RUNNING


def test_an_experiment_that_ends_well_lets_its_load_run_on() -> None:
    opened = open_run()
    opened.finish(Outcome.SUCCEEDED, None, seconds_after_noon(20))
    assert opened.next_step() is NextStep.DONE
    assert stops(opened) == 0
    assert not opened.settled


def test_stop_on_completion_stops_the_load_of_an_experiment_that_ends_well() -> None:
    opened = open_run(stop_on_completion=True)
    opened.finish(Outcome.SUCCEEDED, None, seconds_after_noon(20))
    assert opened.stop_cause is StopReason.STOP_ON_COMPLETION
    assert stops(opened) == 1


def test_an_experiment_that_ends_before_its_load_started_ends_the_task_at_once() -> None:
    fresh = run()
    fresh.finish(Outcome.SUCCEEDED, None, seconds_after_noon(1))
    assert status(fresh) is TaskStatus.STOPPED
    assert fresh.settled
    assert events(fresh, EventName.FAULT_WINDOW_OPEN) == []


def test_a_second_end_of_the_experiment_changes_nothing() -> None:
    opened = open_run()
    opened.finish(Outcome.SUCCEEDED, None, seconds_after_noon(20))
    opened.finish(Outcome.FAILED, "late", seconds_after_noon(21))
    assert opened.outcome is Outcome.SUCCEEDED
    assert opened.stop_requested_at is None


def test_a_stop_is_not_stopped_before_the_engine_confirms() -> None:
    opened = open_run()
    opened.request_stop(StopReason.USER, "by alice", seconds_after_noon(20))
    assert status(opened) is TaskStatus.RUNNING
    opened.learn(engine_run(EngineStatus.RUNNING), seconds_after_noon(21), is_sweep=False)
    assert status(opened) is TaskStatus.RUNNING
    opened.learn(engine_run(EngineStatus.STOPPED), seconds_after_noon(22), is_sweep=False)
    assert status(opened) is TaskStatus.STOPPED
    assert opened.settled


def test_a_stop_of_a_task_that_never_reached_the_engine_is_confirmed_at_once() -> None:
    fresh = run()
    fresh.request_stop(StopReason.USER, "by alice", seconds_after_noon(1))
    assert status(fresh) is TaskStatus.STOPPED
    assert not fresh.stop_pending


def test_a_stop_while_a_start_may_be_under_way_waits_for_the_engine() -> None:
    begun = run()
    begun.attempt_start(NOON)
    begun.request_stop(StopReason.USER, "by alice", seconds_after_noon(1))
    assert status(begun) is TaskStatus.PENDING
    assert begun.stop_pending


def test_a_user_who_stops_before_the_window_leaves_the_platform_an_unproven_window() -> None:
    proven = proven_run(abort_on_load_failure=True)
    proven.request_stop(StopReason.USER, "stopped by the user", seconds_after_noon(5))
    assert proven.next_step() is NextStep.OPEN_UNPROVEN
    proven.open_due_window(seconds_after_noon(11))
    [window] = events(proven, EventName.FAULT_WINDOW_OPEN)
    assert (window["loadProven"], window["reason"]) == (False, "stopped by the user")
    assert events(proven, EventName.EXPERIMENT_ABORT_REQUESTED) == []


def test_a_load_that_fails_before_the_window_asks_for_an_abort_when_the_strategy_says_so() -> None:
    proven = proven_run(abort_on_load_failure=True)
    proven.learn(engine_run(EngineStatus.FAILED, error_message="no heap"), seconds_after_noon(5), is_sweep=True)
    [abort] = events(proven, EventName.EXPERIMENT_ABORT_REQUESTED)
    assert "no heap" in str(abort["reason"])
    assert proven.next_step() is NextStep.ABORT
    proven.open_due_window(seconds_after_noon(11))
    assert events(proven, EventName.FAULT_WINDOW_OPEN) == []


def test_a_load_that_fails_before_the_window_opens_it_unproven_otherwise() -> None:
    proven = proven_run()
    proven.learn(engine_run(EngineStatus.FAILED), seconds_after_noon(5), is_sweep=True)
    assert proven.next_step() is NextStep.OPEN_UNPROVEN
    proven.open_due_window(seconds_after_noon(11))
    assert [window["loadProven"] for window in events(proven, EventName.FAULT_WINDOW_OPEN)] == [False]


def test_a_load_that_ends_by_itself_before_the_window_is_lost_for_the_experiment() -> None:
    proven = proven_run(abort_on_load_failure=True)
    proven.learn(engine_run(EngineStatus.COMPLETED), seconds_after_noon(5), is_sweep=True)
    assert status(proven) is TaskStatus.SUCCEEDED
    assert len(events(proven, EventName.EXPERIMENT_ABORT_REQUESTED)) == 1


def test_a_load_lost_during_the_fault_asks_for_an_abort_too() -> None:
    opened = open_run(abort_on_load_failure=True)
    opened.learn(engine_run(EngineStatus.FAILED), seconds_after_noon(15), is_sweep=True)
    assert len(events(opened, EventName.EXPERIMENT_ABORT_REQUESTED)) == 1


def test_a_load_that_ends_at_its_duration_during_the_fault_asks_for_nothing() -> None:
    opened = open_run(abort_on_load_failure=True, traffic_duration_sec=60)
    opened.learn(engine_run(EngineStatus.COMPLETED), seconds_after_noon(61), is_sweep=True)
    assert status(opened) is TaskStatus.SUCCEEDED
    assert events(opened, EventName.EXPERIMENT_ABORT_REQUESTED) == []
    assert not opened.load_failure


def test_no_abort_is_asked_for_after_the_experiment_ended() -> None:
    opened = open_run(abort_on_load_failure=True)
    opened.finish(Outcome.SUCCEEDED, None, seconds_after_noon(20))
    opened.learn(engine_run(EngineStatus.FAILED), seconds_after_noon(25), is_sweep=True)
    assert events(opened, EventName.EXPERIMENT_ABORT_REQUESTED) == []


def test_a_gate_that_is_not_passed_fails_the_task_and_keeps_the_stop_until_it_is_confirmed() -> None:
    started = started_run(abort_on_load_failure=True)
    started.fail_load(StopReason.GATE_NOT_PASSED, "no samples arrived", seconds_after_noon(60))
    assert status(started) is TaskStatus.FAILED
    assert started.started_task.error_message == "no samples arrived"
    assert started.stop_pending
    assert not started.settled
    assert started.next_step() is NextStep.ABORT
    started.learn(engine_run(EngineStatus.STOPPED), seconds_after_noon(70), is_sweep=True)
    assert started.settled
    assert transitions(started)[-1] == (TaskStatus.RUNNING, TaskStatus.FAILED)


def test_a_refused_start_fails_the_task_and_leaves_nothing_to_stop() -> None:
    fresh = run()
    fresh.try_start(NOON)
    fresh.fail_load(StopReason.LOAD_LOST, "the engine did not start the load", seconds_after_noon(1))
    assert status(fresh) is TaskStatus.FAILED
    assert not fresh.stop_pending


def test_the_deadline_times_the_task_out_and_stops_the_load() -> None:
    opened = open_run()
    opened.pass_deadline(seconds_after_noon(181))
    assert status(opened) is TaskStatus.TIMEOUT
    assert opened.stop_pending
    assert stops(opened) == 1


def test_an_ended_task_never_changes_again() -> None:
    opened = open_run()
    opened.pass_deadline(seconds_after_noon(181))
    opened.learn(engine_run(EngineStatus.FAILED), seconds_after_noon(190), is_sweep=True)
    opened.request_stop(StopReason.USER, "late", seconds_after_noon(191))
    assert status(opened) is TaskStatus.TIMEOUT
    assert [after for _, after in transitions(opened)] == [TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.TIMEOUT]


def test_silence_of_the_engine_changes_nothing() -> None:
    opened = open_run()
    before = list(opened.audit)
    for second in range(30, 170, 30):
        opened.learn(EngineUnavailable("refused"), seconds_after_noon(second), is_sweep=True)
    assert status(opened) is TaskStatus.RUNNING
    assert opened.audit == before


def test_an_execution_that_the_engine_forgot_fails_at_the_third_sweep_running() -> None:
    opened = open_run()
    opened.learn(None, seconds_after_noon(20), is_sweep=True)
    opened.learn(None, seconds_after_noon(25), is_sweep=True)
    opened.learn(engine_run(EngineStatus.RUNNING), seconds_after_noon(30), is_sweep=True)
    opened.learn(None, seconds_after_noon(35), is_sweep=True)
    opened.learn(None, seconds_after_noon(40), is_sweep=True)
    assert status(opened) is TaskStatus.RUNNING
    opened.learn(None, seconds_after_noon(45), is_sweep=True)
    assert status(opened) is TaskStatus.FAILED
    assert opened.started_task.error_message == "the engine no longer knows this execution"


def test_a_workflow_that_waits_is_woken_once_with_what_to_do_next() -> None:
    opened = open_run()
    opened.wait_with("token-1")
    assert [each for each in opened.messages if each.channel is Channel.WORKFLOW] == []
    opened.finish(Outcome.STOPPED, None, seconds_after_noon(20))
    opened.learn(engine_run(EngineStatus.STOPPED), seconds_after_noon(22), is_sweep=False)
    [answer] = [each for each in opened.messages if each.channel is Channel.WORKFLOW]
    assert (answer.topic, answer.body["next"]) == ("token-1", "STOP")


def test_a_waiting_workflow_carries_out_the_stop_itself() -> None:
    opened = open_run()
    opened.wait_with("token-1")
    opened.request_stop(StopReason.USER, "by alice", seconds_after_noon(20))
    assert stops(opened) == 0
    assert [each.body["next"] for each in opened.messages if each.channel is Channel.WORKFLOW] == ["STOP"]


def test_a_workflow_that_comes_too_late_to_wait_is_woken_at_once() -> None:
    opened = open_run()
    opened.finish(Outcome.SUCCEEDED, None, seconds_after_noon(20))
    opened.wait_with("token-2")
    [answer] = [each for each in opened.messages if each.channel is Channel.WORKFLOW]
    assert (answer.topic, answer.body["next"]) == ("token-2", "DONE")


def test_a_lost_workflow_before_the_window_leaves_nothing_running_and_nobody_waiting() -> None:
    proven = proven_run()
    proven.lose_workflow("the workflow is gone", seconds_after_noon(5))
    assert status(proven) is TaskStatus.FAILED
    assert proven.stop_pending
    assert [window["loadProven"] for window in events(proven, EventName.FAULT_WINDOW_OPEN)] == [False]


def test_a_lost_workflow_before_the_window_asks_for_an_abort_when_the_strategy_says_so() -> None:
    proven = proven_run(abort_on_load_failure=True)
    proven.lose_workflow("the workflow is gone", seconds_after_noon(5))
    assert len(events(proven, EventName.EXPERIMENT_ABORT_REQUESTED)) == 1
    assert events(proven, EventName.FAULT_WINDOW_OPEN) == []


def test_a_lost_workflow_after_the_window_lets_a_good_load_run_on() -> None:
    opened = open_run()
    opened.lose_workflow("the workflow is gone", seconds_after_noon(20))
    assert status(opened) is TaskStatus.RUNNING
    assert not opened.stop_pending


def test_another_owners_event_is_refused() -> None:
    with pytest.raises(NotThisRunsOwner):
        run().belongs_to(Owner("mallory", "default"))


def test_a_late_load_of_a_task_that_was_given_up_is_stopped() -> None:
    begun = run()
    begun.try_start(NOON)
    begun.attempt_start(NOON)
    begun.fail_load(StopReason.LOAD_LOST, "the engine never confirmed the start", seconds_after_noon(60))
    begun.accept_load(engine_run(), 120, seconds_after_noon(61))
    assert status(begun) is TaskStatus.FAILED
    assert begun.started_task.execution_id == "0a1b2c3d"
    assert begun.stop_pending


def test_a_step_tells_moments_in_the_form_that_step_functions_reads() -> None:
    document = StepResult.of(proven_run()).document()
    assert document["next"] == "CONTINUE"
    assert document["windowDueAt"] == "2026-01-02T12:00:11.000Z"
    assert document["startAt"] == "2026-01-02T12:00:00.000Z"


def test_a_start_that_was_turned_away_after_the_experiment_ended_ends_the_task() -> None:
    begun = run()
    begun.try_start(NOON)
    begun.attempt_start(NOON)
    begun.finish(Outcome.SUCCEEDED, None, seconds_after_noon(1))
    assert status(begun) is TaskStatus.PENDING
    begun.withdraw_start(seconds_after_noon(2))
    assert status(begun) is TaskStatus.STOPPED
    assert begun.settled


def test_a_start_that_was_turned_away_confirms_a_stop_that_waited_for_it() -> None:
    begun = run()
    begun.try_start(NOON)
    begun.attempt_start(NOON)
    begun.request_stop(StopReason.USER, "by alice", seconds_after_noon(1))
    begun.withdraw_start(seconds_after_noon(2))
    assert status(begun) is TaskStatus.STOPPED
    assert not begun.stop_pending


def test_a_start_that_was_turned_away_may_be_tried_again_while_the_load_is_wanted() -> None:
    begun = run()
    begun.try_start(NOON)
    begun.attempt_start(NOON)
    begun.withdraw_start(seconds_after_noon(2))
    assert status(begun) is TaskStatus.PENDING
    assert begun.next_step() is NextStep.CONTINUE
    assert not begun.may_be_on_engine


def test_a_lost_workflow_far_before_the_window_leaves_the_window_to_a_later_sweep() -> None:
    proven = proven_run(fault_at=seconds_after_noon(300))
    proven.lose_workflow("the workflow is gone", seconds_after_noon(5))
    assert status(proven) is TaskStatus.FAILED
    assert events(proven, EventName.FAULT_WINDOW_OPEN) == []
    assert not proven.settled
    proven.lose_workflow("the workflow is gone", seconds_after_noon(270))
    assert [window["loadProven"] for window in events(proven, EventName.FAULT_WINDOW_OPEN)] == [False]


def test_an_unanswered_start_is_absent_only_when_a_whole_list_does_not_show_it_in_time() -> None:
    limits = Limits(start_settles=120, grace=120)
    begun = run(traffic_duration_sec=60)
    assert begun.surely_absent(begun.load_parts[0], NOON, limits, all_listed=False)
    begun.attempt_start(NOON)
    assert not begun.surely_absent(begun.load_parts[0], seconds_after_noon(119), limits, all_listed=True)
    assert begun.surely_absent(begun.load_parts[0], seconds_after_noon(120), limits, all_listed=True)
    assert not begun.surely_absent(begun.load_parts[0], seconds_after_noon(299), limits, all_listed=False)
    assert begun.surely_absent(begun.load_parts[0], seconds_after_noon(300), limits, all_listed=False)


def test_a_path_too_long_for_its_column_is_left_out() -> None:
    begun = run()
    begun.accept_load(engine_run(result_path="r" * 513, log_path="l" * 512), 120, NOON)
    assert begun.started_task.result_path is None
    assert begun.started_task.log_path == "l" * 512


def test_a_run_measures_each_of_its_facts_once() -> None:
    measured = run(stop_on_completion=True)
    measured.try_start(NOON)
    measured.attempt_start(NOON)
    for _ in range(2):
        measured.accept_load(engine_run(), 120, seconds_after_noon(2))
        measured.see_first_sample(seconds_after_noon(3))
    assert measured.measured == {"EventToLoadSeconds": 2, "EventToFirstSampleSeconds": 3}
    measured.measured.clear()
    measured.request_stop(StopReason.USER, "enough", seconds_after_noon(10))
    for later in (14, 20):
        measured.learn(engine_run(EngineStatus.STOPPED), seconds_after_noon(later), is_sweep=False)
    assert measured.measured == {"StopSeconds": 4, "TasksStopped": 1}


def test_a_planned_wait_is_no_part_of_the_time_to_the_load() -> None:
    measured = run(fault_at=seconds_after_noon(600))
    measured.start_due_at = seconds_after_noon(585)
    measured.try_start(seconds_after_noon(585))
    measured.attempt_start(seconds_after_noon(585))
    measured.accept_load(engine_run(), 120, seconds_after_noon(586))
    assert measured.measured == {"EventToLoadSeconds": 1}
