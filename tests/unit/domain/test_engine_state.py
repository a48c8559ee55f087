"""What every answer of an engine means for a task: the whole table, then the finer rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tandem.domain.engine_state import (
    Ended,
    Running,
    StopOrder,
    StopReason,
    TaskFacts,
    Unchanged,
    Verdict,
    judge,
)
from tandem.domain.errors import (
    EngineAnsweredWrongly,
    EngineAnswerLost,
    EngineError,
    EngineRefused,
    EngineUnavailable,
)
from tandem.domain.generator_health import GeneratorHealth
from tandem.domain.load_engine import EngineRun, EngineStatus, StatusAnswer
from tandem.domain.task import TaskStatus

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PLANNED = 600

BEFORE, JUST_AFTER, LONG_AFTER = 300.0, 620.0, 900.0
MOMENTS = [BEFORE, JUST_AFTER, LONG_AFTER]

STOPPED, FAILED, TIMEOUT, SUCCEEDED = (
    TaskStatus.STOPPED,
    TaskStatus.FAILED,
    TaskStatus.TIMEOUT,
    TaskStatus.SUCCEEDED,
)


def run(status: EngineStatus, **changes: object) -> EngineRun:
    whole = EngineRun(execution_id="ab12cd34", status=status, raw_status=status.value, test_name="tandem task-1")
    return replace(whole, **changes)  # type: ignore[arg-type]  # dataclasses.replace checks the names itself


def facts(at_second: float, why: StopReason | None = None, **changes: object) -> TaskFacts:
    stop = None if why is None else StopOrder(START + timedelta(seconds=at_second - 20), why)
    whole = TaskFacts(
        now=START + timedelta(seconds=at_second),
        load_started_at=START,
        planned_seconds=PLANNED,
        stop=stop,
        task_id="task-1",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def shape(verdict: Verdict) -> tuple[object, ...]:
    match verdict:
        case Unchanged(look_again=again):
            return ("unchanged", again)
        case Running(stop_pending=pending):
            return ("running", pending)
        case Ended(status=status, counts_as_load_failure=failure):
            return ("ended", status, failure)


AFTER_STOP = {
    StopReason.USER: STOPPED,
    StopReason.EXPERIMENT_ENDED: STOPPED,
    StopReason.STOP_ON_COMPLETION: STOPPED,
    StopReason.GATE_NOT_PASSED: FAILED,
    StopReason.DEADLINE: TIMEOUT,
    StopReason.LOAD_LOST: FAILED,
    StopReason.WORKFLOW_FAILED: FAILED,
}

# (what the engine says, nobody asked for a stop) -> verdict before, just after and long after the full duration
UNASKED: dict[EngineStatus, list[tuple[object, ...]]] = {
    EngineStatus.PENDING: [("unchanged", False)] * 3,
    EngineStatus.RUNNING: [("running", False)] * 3,
    EngineStatus.COMPLETED: [("ended", SUCCEEDED, False)] * 3,
    EngineStatus.STOPPED: [("ended", STOPPED, True), ("ended", SUCCEEDED, False), ("ended", SUCCEEDED, False)],
    EngineStatus.FAILED: [("ended", FAILED, True), ("unchanged", True), ("ended", FAILED, True)],
    EngineStatus.TIMEOUT: [("ended", TIMEOUT, True), ("ended", TIMEOUT, False), ("ended", TIMEOUT, False)],
    EngineStatus.UNKNOWN: [("unchanged", False)] * 3,
}


@pytest.mark.parametrize("status", list(EngineStatus))
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_answer_that_nobody_asked_for(status: EngineStatus, moment: float) -> None:
    assert shape(judge(run(status), facts(moment))) == UNASKED[status][MOMENTS.index(moment)]


@pytest.mark.parametrize("status", list(EngineStatus))
@pytest.mark.parametrize("why", list(StopReason))
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_answer_after_our_stop(status: EngineStatus, why: StopReason, moment: float) -> None:
    by_stop = ("ended", AFTER_STOP[why], why in {StopReason.GATE_NOT_PASSED, StopReason.LOAD_LOST})
    expected: dict[EngineStatus, tuple[object, ...]] = {
        EngineStatus.PENDING: ("unchanged", False),
        EngineStatus.RUNNING: ("running", True),
        EngineStatus.COMPLETED: ("ended", SUCCEEDED, False),
        EngineStatus.STOPPED: by_stop,
        EngineStatus.FAILED: by_stop,
        EngineStatus.TIMEOUT: ("ended", TIMEOUT, False),
        EngineStatus.UNKNOWN: ("unchanged", False),
    }
    assert shape(judge(run(status), facts(moment, why))) == expected[status]


@pytest.mark.parametrize(
    "error",
    [
        EngineRefused("no"),
        EngineUnavailable("gone"),
        EngineAnswerLost("cut"),
        EngineAnsweredWrongly("HTML"),
        EngineError("?"),
    ],
)
@pytest.mark.parametrize("why", [None, *StopReason])
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_engine_that_cannot_be_asked_changes_nothing(
    error: EngineError, why: StopReason | None, moment: float
) -> None:
    verdict = judge(error, facts(moment, why, missing_sweeps=2))
    assert shape(verdict) == ("unchanged", False)
    assert isinstance(verdict, Unchanged)
    assert verdict.missing_sweeps == 0, "an answer that is no 404 breaks the row of 404s"


@pytest.mark.parametrize("why", [None, *StopReason])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_404_ends_a_task_only_at_the_third_sweep_running(why: StopReason | None, moment: float) -> None:
    first = judge(None, facts(moment, why, missing_sweeps=0))
    assert first == Unchanged("the engine does not know this execution", 1, look_again=True)
    second = judge(None, facts(moment, why, missing_sweeps=1))
    assert second == Unchanged("the engine does not know this execution", 2, look_again=True)
    third = judge(None, facts(moment, why, missing_sweeps=2))
    assert isinstance(third, Ended)
    assert third.status is (TIMEOUT if why is StopReason.DEADLINE else FAILED)
    assert third.reason == "the engine no longer knows this execution"
    assert third.load_may_go_on
    assert third.counts_as_load_failure is (why is not StopReason.DEADLINE)


def test_a_404_between_sweeps_neither_counts_nor_ends() -> None:
    verdict = judge(None, facts(BEFORE, missing_sweeps=2, is_sweep=False))
    assert verdict == Unchanged("the engine does not know this execution", 2, look_again=True)


def test_an_answer_after_404s_starts_the_count_anew() -> None:
    verdict = judge(run(EngineStatus.UNKNOWN), facts(BEFORE, missing_sweeps=2))
    assert isinstance(verdict, Unchanged)
    assert verdict.missing_sweeps == 0


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (597.9, ("ended", FAILED, True)),
        (598.0, ("unchanged", True)),
        (600.0, ("unchanged", True)),
        (660.0, ("unchanged", True)),
        (660.1, ("ended", FAILED, True)),
    ],
)
def test_failed_near_the_end_is_looked_at_again_for_sixty_seconds(second: float, expected: tuple[object, ...]) -> None:
    assert shape(judge(run(EngineStatus.FAILED), facts(second))) == expected


@pytest.mark.parametrize(("second", "status"), [(597.9, STOPPED), (598.0, SUCCEEDED), (600.0, SUCCEEDED)])
def test_stopped_is_success_from_the_full_duration_on(second: float, status: TaskStatus) -> None:
    verdict = judge(run(EngineStatus.STOPPED), facts(second))
    assert isinstance(verdict, Ended)
    assert verdict.status is status


@pytest.mark.parametrize("offset_hours", [-24, -1, 0, 8, 24])
def test_an_engine_clock_that_is_off_changes_no_verdict(offset_hours: int) -> None:
    off = timedelta(hours=offset_hours)
    whole = run(EngineStatus.STOPPED, started_at=START + off, ended_at=START + off + timedelta(seconds=601))
    assert shape(judge(whole, facts(JUST_AFTER))) == ("ended", SUCCEEDED, False)
    assert shape(judge(whole, facts(BEFORE))) == ("ended", STOPPED, True), "our clock says that it is too early"
    short = replace(whole, ended_at=START + off + timedelta(seconds=200))
    verdict = judge(short, facts(JUST_AFTER))
    assert shape(verdict) == ("ended", STOPPED, True), "the engine's own count contradicts: stopped early, seen late"
    assert isinstance(verdict, Ended)
    assert verdict.ended_at == START + timedelta(seconds=200), "the end is told by our clock"


def test_an_end_that_lies_before_its_start_is_no_evidence() -> None:
    absurd = run(EngineStatus.STOPPED, started_at=START, ended_at=START - timedelta(hours=1))
    verdict = judge(absurd, facts(JUST_AFTER))
    assert shape(verdict) == ("ended", SUCCEEDED, False)
    assert isinstance(verdict, Ended)
    assert verdict.ended_at == facts(JUST_AFTER).now


def test_an_end_is_never_told_as_in_the_future() -> None:
    later = run(EngineStatus.COMPLETED, started_at=START, ended_at=START + timedelta(days=2))
    verdict = judge(later, facts(JUST_AFTER))
    assert isinstance(verdict, Ended)
    assert verdict.ended_at == facts(JUST_AFTER).now


def test_completed_before_the_full_duration_ended_early() -> None:
    verdict = judge(run(EngineStatus.COMPLETED), facts(BEFORE))
    assert isinstance(verdict, Ended)
    assert (verdict.status, verdict.reason) == (SUCCEEDED, "ended early")
    full = judge(run(EngineStatus.COMPLETED), facts(JUST_AFTER))
    assert isinstance(full, Ended)
    assert full.reason == "ran its full duration"


def test_without_our_record_of_the_start_the_engines_count_decides() -> None:
    whole = run(EngineStatus.STOPPED, started_at=START, ended_at=START + timedelta(seconds=600))
    short = replace(whole, ended_at=START + timedelta(seconds=100))
    assert shape(judge(whole, facts(BEFORE, load_started_at=None))) == ("ended", SUCCEEDED, False)
    assert shape(judge(short, facts(LONG_AFTER, load_started_at=None))) == ("ended", STOPPED, True)
    assert shape(judge(run(EngineStatus.STOPPED), facts(LONG_AFTER, load_started_at=None))) == ("ended", STOPPED, True)
    assert shape(judge(run(EngineStatus.FAILED), facts(JUST_AFTER, load_started_at=None))) == ("ended", FAILED, True)


@pytest.mark.parametrize("why", list(StopReason))
def test_a_run_that_had_reached_its_duration_before_our_stop_succeeded(why: StopReason) -> None:
    natural = run(EngineStatus.STOPPED, started_at=START, ended_at=START + timedelta(seconds=601))
    assert shape(judge(natural, facts(LONG_AFTER, why))) == ("ended", SUCCEEDED, False)
    by_us = replace(natural, ended_at=START + timedelta(seconds=LONG_AFTER - 10))
    verdict = judge(by_us, facts(LONG_AFTER, why))
    assert isinstance(verdict, Ended)
    assert verdict.status is AFTER_STOP[why]


def test_the_figures_of_a_gate_that_was_not_passed_are_in_the_reason() -> None:
    stop = StopOrder(START, StopReason.GATE_NOT_PASSED, "0 samples in 60 s")
    verdict = judge(run(EngineStatus.STOPPED), facts(BEFORE, stop=stop))
    assert isinstance(verdict, Ended)
    assert verdict.reason == "stopped because the load was not proven: 0 samples in 60 s"


def test_a_record_rebuilt_after_a_restart_says_what_is_not_known() -> None:
    rebuilt = run(EngineStatus.COMPLETED, test_name="Recovered")
    early = judge(rebuilt, facts(BEFORE))
    assert shape(early) == ("ended", SUCCEEDED, True)
    assert isinstance(early, Ended)
    assert early.load_may_go_on
    assert "restarted" in early.reason
    late = judge(rebuilt, facts(LONG_AFTER))
    assert shape(late) == ("ended", SUCCEEDED, False)
    assert isinstance(late, Ended)
    assert not late.load_may_go_on
    lost = judge(run(EngineStatus.FAILED, test_name="Recovered"), facts(BEFORE))
    assert isinstance(lost, Ended)
    assert (lost.status, lost.load_may_go_on) == (FAILED, True)


def test_a_failed_run_tells_the_engines_reason() -> None:
    verdict = judge(run(EngineStatus.FAILED, error_message="exit code 1"), facts(BEFORE))
    assert isinstance(verdict, Ended)
    assert verdict.reason == "the run failed at the engine: exit code 1"


def test_an_unknown_word_is_told_but_not_at_any_length() -> None:
    odd: StatusAnswer = EngineRun("ab12cd34", EngineStatus.UNKNOWN, raw_status="X" * 10_000)
    verdict = judge(odd, facts(BEFORE))
    assert isinstance(verdict, Unchanged)
    assert len(verdict.reason) < 200


class TestAGeneratorThatBroke:
    """An engine of ours tells of threads that died."""

    HEALTH = GeneratorHealth(thread_deaths=5, out_of_memory=9)

    @pytest.mark.parametrize("status", [EngineStatus.COMPLETED, EngineStatus.FAILED, EngineStatus.STOPPED])
    @pytest.mark.parametrize("at", MOMENTS)
    def test_its_load_failed_at_once_whatever_the_engine_calls_it(self, status: EngineStatus, at: float) -> None:
        verdict = judge(run(status, generator=self.HEALTH), facts(at))
        assert isinstance(verdict, Ended)
        assert (verdict.status, verdict.counts_as_load_failure) == (TaskStatus.FAILED, True)
        assert verdict.reason == "OutOfMemoryError: raise heapSize (5 threads of the load generator died)"

    def test_while_it_runs_and_after_a_stop_that_was_asked_for_it_changes_nothing(self) -> None:
        running = judge(run(EngineStatus.RUNNING, generator=self.HEALTH), facts(BEFORE))
        assert running == Running(stop_pending=False)
        stopped = judge(run(EngineStatus.STOPPED, generator=self.HEALTH), facts(BEFORE, StopReason.USER))
        assert isinstance(stopped, Ended)
        assert stopped.status is TaskStatus.STOPPED

    def test_a_generator_that_is_well_changes_nothing(self) -> None:
        verdict = judge(run(EngineStatus.COMPLETED, generator=GeneratorHealth(cpu_mean=0.3)), facts(LONG_AFTER))
        assert isinstance(verdict, Ended)
        assert verdict.status is TaskStatus.SUCCEEDED
