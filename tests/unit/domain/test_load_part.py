"""A load on several engines: how it is divided, and what its parts make together."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import EngineUnavailable
from tandem.domain.experiment_run import ExperimentRun, Outcome, RunPlan
from tandem.domain.limits import Limits
from tandem.domain.live_metrics import LiveMetrics, in_all
from tandem.domain.load_engine import EngineStatus, StatusAnswer
from tandem.domain.load_part import divided
from tandem.domain.messages import Channel, EventName
from tandem.domain.task import TaskStatus
from tandem.domain.workflow_step import NextStep

from tests.factories.experiments import NOON, definition, engine_run, run, seconds_after_noon, strategy

A, B = "engine-a", "engine-b"
METRICS = LiveMetrics(
    total_requests=30,
    success_count=27,
    error_count=3,
    error_rate=0.1,
    throughput=3.0,
    active_threads=2,
    avg_response_ms=100.0,
    max_response_ms=300.0,
    min_response_ms=10.0,
    at=NOON,
)


def placed(**changes: object) -> ExperimentRun:
    """A run of seven threads, placed on two engines."""
    fresh = run()
    fresh.plan = RunPlan(strategy(engines=2, **changes), definition(threads=7))
    fresh.try_start(NOON)
    fresh.place_on([A, B], NOON)
    return fresh


def started(**changes: object) -> ExperimentRun:
    """Both engines took their part at noon."""
    begun = placed(**changes)
    begun.attempt_start(NOON)
    begun.accept_load(engine_run(execution_id="run-a", result_path="results/a.jtl"), 120, NOON, on=A)
    begun.accept_load(engine_run(execution_id="run-b", result_path="results/b.jtl"), 120, NOON, on=B)
    return begun


def proven(**changes: object) -> ExperimentRun:
    """Its window is open."""
    begun = started(**changes)
    begun.see_first_sample(seconds_after_noon(1))
    begun.prove_load("70 samples", seconds_after_noon(2))
    begun.open_due_window(seconds_after_noon(11))
    return begun


def tell(run: ExperimentRun, second: float, **answers: StatusAnswer) -> None:
    run.learn_all({A: answers.get("a"), B: answers.get("b")}, seconds_after_noon(second), is_sweep=True)


def state(run: ExperimentRun) -> TaskStatus:
    return run.started_task.status


def of(name: str, status: EngineStatus = EngineStatus.RUNNING, **more: object) -> StatusAnswer:
    return engine_run(status, execution_id=f"run-{name}", **more)


@given(threads=st.integers(1, 1000), engines=st.integers(1, 20))
def test_all_threads_are_divided_evenly_and_no_engine_goes_without(threads: int, engines: int) -> None:
    shares = divided(threads, engines)
    assert sum(shares) == threads
    assert len(shares) == min(threads, engines)
    assert min(shares) >= 1
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


def test_a_load_on_one_engine_keeps_no_parts() -> None:
    whole = run()
    whole.place_on([A], NOON)
    assert (whole.engine, whole.threads, whole.parts) == (A, 1, [])
    [shown] = whole.load_parts
    assert (shown.engine, shown.threads) == (A, 1)


def test_the_first_engines_take_the_threads_that_are_left() -> None:
    assert [(part.engine, part.threads) for part in placed().parts] == [(A, 4), (B, 3)]


def test_the_task_runs_when_every_engine_took_its_part() -> None:
    begun = placed()
    begun.attempt_start(NOON)
    begun.accept_load(engine_run(execution_id="run-a"), 120, NOON, on=A)
    assert (state(begun), begun.deadline) == (TaskStatus.PENDING, None)
    begun.accept_load(engine_run(execution_id="run-b"), 120, seconds_after_noon(3), on=B)
    assert state(begun) is TaskStatus.RUNNING
    assert begun.deadline == seconds_after_noon(3 + 60 + 120)
    assert begun.started_task.execution_id == "run-a"


def test_taking_a_part_twice_changes_nothing() -> None:
    begun = started()
    before = replace(begun.parts[1])
    begun.accept_load(engine_run(execution_id="other"), 120, seconds_after_noon(9), on=B)
    assert begun.parts[1] == before


def test_an_engine_that_did_not_take_its_part_makes_room_for_another() -> None:
    begun = placed()
    begun.attempt_start(NOON)
    begun.accept_load(engine_run(execution_id="run-a"), 120, NOON, on=A)
    begun.withdraw_start(NOON, on=B)
    assert begun.may_be_on_engine
    assert [part.engine for part in begun.parts_to_start] == [B]
    begun.place_on(["engine-c"], NOON)
    assert [part.engine for part in begun.parts] == [A, "engine-c"]


def test_a_load_none_of_whose_engines_took_a_part_was_not_attempted() -> None:
    begun = placed()
    begun.attempt_start(NOON)
    begun.withdraw_start(NOON, on=A)
    begun.withdraw_start(NOON, on=B)
    assert not begun.may_be_on_engine


def test_a_part_withdrawn_after_the_experiments_end_stops_the_others() -> None:
    begun = placed()
    begun.attempt_start(NOON)
    begun.accept_load(engine_run(execution_id="run-a"), 120, NOON, on=A)
    begun.finish(Outcome.SUCCEEDED, None, seconds_after_noon(1))
    begun.withdraw_start(seconds_after_noon(2), on=B)
    assert begun.stop_pending
    tell(begun, 5, a=of("a", EngineStatus.STOPPED))
    assert state(begun) is TaskStatus.STOPPED
    assert begun.stop_confirmed_at == seconds_after_noon(5)


def test_a_load_that_had_not_wholly_begun_at_the_experiments_end_is_stopped() -> None:
    begun = placed()
    begun.attempt_start(NOON)
    begun.accept_load(engine_run(execution_id="run-a"), 120, NOON, on=A)
    begun.withdraw_start(NOON, on=B)
    begun.finish(Outcome.SUCCEEDED, None, seconds_after_noon(2))
    assert begun.stop_pending
    assert begun.next_step() is NextStep.STOP


def test_the_load_goes_on_while_one_part_does() -> None:
    begun = proven()
    tell(begun, 30, a=of("a", EngineStatus.COMPLETED), b=of("b"))
    assert state(begun) is TaskStatus.RUNNING
    tell(begun, 61, a=None, b=of("b", EngineStatus.COMPLETED))
    assert state(begun) is TaskStatus.SUCCEEDED
    assert begun.settled


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (EngineStatus.FAILED, TaskStatus.FAILED),
        # STOPPED would say that nothing runs.
        (EngineStatus.STOPPED, TaskStatus.FAILED),
        (EngineStatus.TIMEOUT, TaskStatus.TIMEOUT),
    ],
)
def test_one_part_lost_is_the_load_lost_and_the_others_are_stopped(status: EngineStatus, becomes: TaskStatus) -> None:
    begun = proven(abort_on_load_failure=True)
    tell(begun, 30, a=of("a"), b=of("b", status))
    assert state(begun) is becomes
    assert "engine-b" in (begun.started_task.error_message or "")
    assert begun.load_failure is not None
    assert begun.abort_requested_at is not None
    assert begun.stop_pending
    assert [part.may_run for part in begun.parts] == [True, False]
    tell(begun, 40, a=of("a", EngineStatus.STOPPED))
    assert begun.stop_confirmed_at == seconds_after_noon(40)
    assert begun.settled


def test_a_load_all_of_which_was_stopped_at_its_engines_is_stopped() -> None:
    begun = proven()
    tell(begun, 30, a=of("a", EngineStatus.STOPPED), b=of("b", EngineStatus.STOPPED))
    assert state(begun) is TaskStatus.STOPPED
    assert begun.load_failure is not None
    assert begun.settled


def test_a_part_that_ends_well_before_all_began_is_the_load_lost() -> None:
    begun = placed()
    begun.attempt_start(NOON)
    begun.accept_load(engine_run(execution_id="run-a"), 120, NOON, on=A)
    begun.learn_all({A: of("a", EngineStatus.COMPLETED)}, seconds_after_noon(5), is_sweep=True)
    assert state(begun) is TaskStatus.FAILED
    assert begun.stop_pending, "the other engine's answer is still to come"


def test_stopped_means_that_every_engine_confirmed() -> None:
    begun = proven()
    begun.request_stop(StopReason.USER, "stopped by the user", seconds_after_noon(20))
    tell(begun, 22, a=of("a", EngineStatus.STOPPED), b=of("b"))
    assert (state(begun), begun.stop_pending) == (TaskStatus.RUNNING, True)
    tell(begun, 25, b=of("b", EngineStatus.STOPPED))
    assert (state(begun), begun.stop_pending) == (TaskStatus.STOPPED, False)
    assert begun.load_failure is None


def test_one_engines_404s_are_counted_apart_from_anothers() -> None:
    begun = proven()
    tell(begun, 20, a=None, b=of("b"))
    tell(begun, 25, a=of("a"), b=None)
    tell(begun, 30, a=None, b=None)
    assert [part.missing_sweeps for part in begun.parts] == [1, 2]
    assert state(begun) is TaskStatus.RUNNING
    tell(begun, 35, a=of("a"), b=None)
    assert state(begun) is TaskStatus.FAILED
    assert [part.may_run for part in begun.parts] == [True, True], "what is out of sight may go on"


def test_silence_of_one_engine_changes_nothing() -> None:
    begun = proven()
    tell(begun, 30, a=of("a"), b=EngineUnavailable("down"))
    assert (state(begun), begun.load_failure) == (TaskStatus.RUNNING, None)


def test_what_no_engine_knows_any_more_is_over_when_all_said_so() -> None:
    begun = placed()
    begun.attempt_start(NOON)
    begun.fail_load(StopReason.LOAD_LOST, "the engine never confirmed the start", seconds_after_noon(60))
    limits = Limits()
    assert not begun.surely_absent(begun.parts[0], seconds_after_noon(119), limits, all_listed=True)
    begun.confirm_absent(A, seconds_after_noon(121))
    assert begun.stop_pending
    begun.confirm_absent(B, seconds_after_noon(122))
    assert not begun.stop_pending
    assert state(begun) is TaskStatus.FAILED


def test_a_parts_own_state_is_a_tasks() -> None:
    begun = placed()
    begun.attempt_start(NOON)
    assert [part.status for part in begun.parts] == [TaskStatus.PENDING] * 2
    begun.accept_load(engine_run(execution_id="run-a"), 120, NOON, on=A)
    assert [part.status for part in begun.parts] == [TaskStatus.RUNNING, TaskStatus.PENDING]
    begun.accept_load(engine_run(execution_id="run-b"), 120, NOON, on=B)
    begun.learn_all({A: engine_run(EngineStatus.COMPLETED)}, seconds_after_noon(60), is_sweep=True)
    begun.request_stop(StopReason.USER, "by hand", seconds_after_noon(61))
    assert [part.status for part in begun.parts] == [TaskStatus.SUCCEEDED, TaskStatus.RUNNING]
    begun.confirm_absent(B, seconds_after_noon(70))
    assert [part.status for part in begun.parts] == [TaskStatus.SUCCEEDED, TaskStatus.STOPPED]


def test_a_part_found_alive_after_the_end_is_stopped_there() -> None:
    begun = proven()
    tell(begun, 61, a=of("a", EngineStatus.COMPLETED), b=of("b", EngineStatus.COMPLETED))
    begun.messages.clear()
    begun.find_alive(engine_run(execution_id="again", result_path=None), B, seconds_after_noon(90))
    assert (begun.parts[1].execution_id, begun.parts[1].result_path) == ("again", "results/b.jtl")
    assert begun.stop_pending
    assert [part.may_run for part in begun.parts] == [False, True]
    assert [message.channel for message in begun.messages] == [Channel.STOP_QUEUE]
    begun.confirm_over(B, seconds_after_noon(95))
    assert not begun.stop_pending


def test_a_lost_part_before_the_window_opens_it_without_a_load() -> None:
    begun = started()
    tell(begun, 5, a=of("a"), b=of("b", EngineStatus.FAILED, error_message="no heap"))
    assert begun.next_step() is NextStep.OPEN_UNPROVEN
    begun.open_due_window(seconds_after_noon(10))
    [window] = [message.body for message in begun.messages if message.topic == EventName.FAULT_WINDOW_OPEN]
    assert window["loadProven"] is False
    assert "no heap" in str(window["reason"])


def test_a_load_that_is_cut_at_its_deadline_times_out_once_all_engines_confirm() -> None:
    begun = proven()
    begun.pass_deadline(seconds_after_noon(181))
    assert (state(begun), begun.stop_pending) == (TaskStatus.TIMEOUT, True)
    tell(begun, 185, a=of("a", EngineStatus.STOPPED), b=of("b", EngineStatus.STOPPED))
    assert (state(begun), begun.stop_pending) == (TaskStatus.TIMEOUT, False)


def test_what_all_engines_send_is_added_up() -> None:
    other = replace(METRICS, total_requests=10, success_count=10, error_count=0, throughput=1.0, avg_response_ms=200.0)
    whole = in_all([METRICS, other])
    assert whole is not None
    assert (whole.total_requests, whole.throughput, whole.active_threads) == (40, 4.0, 4)
    assert whole.error_rate == pytest.approx(3 / 40)
    assert whole.avg_response_ms == pytest.approx(125.0)


def test_a_load_of_which_a_part_is_missing_is_not_measured() -> None:
    assert in_all([METRICS, None]) is None
    assert in_all([METRICS, replace(METRICS, total_requests=0)]) is None
    assert in_all([METRICS]) == METRICS


def test_a_part_that_is_over_is_an_orphan_when_it_runs_though_another_is_yet_to_be_stopped() -> None:
    begun = started()
    assert not begun.given_up_on(B), "its task has not ended"
    tell(begun, 30, a=of("a"), b=of("b", EngineStatus.FAILED))
    assert begun.stop_pending
    assert [begun.given_up_on(engine) for engine in (A, B, "engine-c")] == [False, True, True]
    begun.find_alive(engine_run(execution_id="again"), B, seconds_after_noon(40))
    assert not begun.given_up_on(B)


def test_with_its_engine_gone_a_part_is_lost_and_the_others_are_stopped() -> None:
    begun = proven(abort_on_load_failure=True)
    assert begun.lose_engine(B, seconds_after_noon(30))
    assert state(begun) is TaskStatus.FAILED
    assert begun.abort_requested_at is not None
    assert begun.stop_pending
    assert [(part.status, part.may_run) for part in begun.parts] == [
        (TaskStatus.RUNNING, True),
        (TaskStatus.FAILED, False),
    ]
    assert begun.lose_engine(A, seconds_after_noon(40))
    assert (begun.settled, begun.removed_engines) == (True, [B, A])


def test_an_unanswered_start_on_an_engine_that_is_gone_is_waited_for_no_longer() -> None:
    begun = run()
    begun.try_start(NOON)
    assert not begun.lose_engine(begun.engine_name, NOON)
    begun.attempt_start(NOON)
    begun.request_stop(StopReason.USER, "enough", seconds_after_noon(1))
    assert not begun.lose_engine(B, seconds_after_noon(2))
    assert begun.lose_engine(begun.engine_name, seconds_after_noon(2))
    assert state(begun) is TaskStatus.FAILED
    assert not begun.stop_pending
    assert begun.next_step() is not NextStep.STOP


def test_a_load_that_is_over_loses_nothing_with_its_engine() -> None:
    begun = proven()
    tell(begun, 61, a=of("a", EngineStatus.COMPLETED), b=of("b", EngineStatus.COMPLETED))
    assert not begun.lose_engine(A, seconds_after_noon(70))
    assert (state(begun), begun.removed_engines) == (TaskStatus.SUCCEEDED, [])
