"""What an engine's answer about a run means for the task that owns it: one pure function, ``judge``.

The rules are those of docs "What a task becomes" and of the traps of the engine's API:

===================  ==========================  ======================================================================
the engine says      did we ask for a stop?      the task
===================  ==========================  ======================================================================
PENDING              either                      as it is
RUNNING              either                      RUNNING
COMPLETED            either                      SUCCEEDED, also early (a plan with its own end)
any end              no                          FAILED, a load failure, when threads of its generator died (told by an
                                                 engine of ours alone, whose FAILED is final)
STOPPED              no, full duration over      SUCCEEDED: the engine itself stops a run at its duration (trap 3)
STOPPED              no, before that             STOPPED "stopped at the engine", a load failure
STOPPED              yes                         what the stop was for: STOPPED, FAILED (gate) or TIMEOUT (deadline)
STOPPED              yes, after a natural end    SUCCEEDED
FAILED               no, within 60 s after the   as it is: it may still turn into STOPPED (trap 14)
                     full duration
FAILED               no, at any other time       FAILED, a load failure
FAILED               yes                         what the stop was for (trap 4: the exit code of SIGINT)
TIMEOUT              either                      TIMEOUT
an unknown word      either                      as it is
404                  either                      as it is; at the third sweep running, FAILED (TIMEOUT after a deadline)
an error             either                      as it is
===================  ==========================  ======================================================================

Clocks. Whether the duration is over is judged by our clock and our own record of the start, because the engine's clock
may be off and its times carry no zone. A *difference* of two of the engine's own times is free of both faults, so it is
used where it contradicts: a run that by the engine's count lasted clearly shorter than planned was stopped early, even
when we look only after the duration is over.

What cannot be known. After a restart the engine calls every run that was going COMPLETED when its result file is not
empty, else FAILED (trap 6), while the load may have died long before, or may still go on (trap 15). A record that lost
the task id in its name was rebuilt that way; one that kept it cannot be told from a natural end. A rebuilt COMPLETED
still is SUCCEEDED, but its reason says what is not known, and before the full duration it counts as a load failure and
as load that may still go on, so that whoever holds the task keeps trying to stop it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tandem.domain.errors import EngineError
from tandem.domain.load_engine import EngineRun, EngineStatus, StatusAnswer
from tandem.domain.task import TaskStatus

FAILED_IS_LOOKED_AT_AGAIN_FOR = timedelta(seconds=60)
"""For how long after the full duration a FAILED is no verdict (trap 14)."""

SWEEPS_UNTIL_FORGOTTEN = 3
"""How many sweeps running the engine must answer 404 before its word is taken."""

OWN_CLOCK_TOLERANCE = timedelta(seconds=2)
"""Our record of the start is written when the answer arrives, so the engine's timer may be ahead by the way back."""

ENGINE_COUNT_TOLERANCE = timedelta(seconds=5)
"""How far the engine's own count of a run's length may miss before it contradicts our clock."""


class StopReason(StrEnum):
    """Why we asked for a stop; it decides what the task becomes when the engine confirms."""

    USER = "USER"
    EXPERIMENT_ENDED = "EXPERIMENT_ENDED"
    STOP_ON_COMPLETION = "STOP_ON_COMPLETION"
    GATE_NOT_PASSED = "GATE_NOT_PASSED"
    DEADLINE = "DEADLINE"
    LOAD_LOST = "LOAD_LOST"
    WORKFLOW_FAILED = "WORKFLOW_FAILED"


_STATUS_AFTER_STOP = {
    StopReason.USER: TaskStatus.STOPPED,
    StopReason.EXPERIMENT_ENDED: TaskStatus.STOPPED,
    StopReason.STOP_ON_COMPLETION: TaskStatus.STOPPED,
    StopReason.GATE_NOT_PASSED: TaskStatus.FAILED,
    StopReason.DEADLINE: TaskStatus.TIMEOUT,
    StopReason.LOAD_LOST: TaskStatus.FAILED,
    StopReason.WORKFLOW_FAILED: TaskStatus.FAILED,
}

_WORDS_FOR_STOP = {
    StopReason.USER: "stopped by the user",
    StopReason.EXPERIMENT_ENDED: "stopped because the experiment ended",
    StopReason.STOP_ON_COMPLETION: "stopped on the experiment's completion",
    StopReason.GATE_NOT_PASSED: "stopped because the load was not proven",
    StopReason.DEADLINE: "stopped at its deadline",
    StopReason.LOAD_LOST: "stopped because the load was lost",
    StopReason.WORKFLOW_FAILED: "stopped because its workflow failed",
}

_STOPS_THAT_ARE_LOAD_FAILURES = frozenset({StopReason.GATE_NOT_PASSED, StopReason.LOAD_LOST})


@dataclass(frozen=True, slots=True)
class StopOrder:
    """A stop that we durably asked for. ``detail`` is told after the reason, e.g. the figures that missed the gate."""

    asked_at: datetime
    why: StopReason
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What we know about a task when the engine's answer is judged. Times are aware UTC by our own clock.

    ``missing_sweeps`` counts the sweeps running that ended in a 404 before this one; ``is_sweep`` is False for a look
    between sweeps, which neither counts nor ends anything on a 404. ``task_id`` is what the run's test name must carry.
    """

    now: datetime
    load_started_at: datetime | None
    planned_seconds: int
    stop: StopOrder | None = None
    missing_sweeps: int = 0
    is_sweep: bool = True
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The task stays as it is. Store ``missing_sweeps``; ``look_again``: a verdict waits for a further look."""

    reason: str
    missing_sweeps: int = 0
    look_again: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """The engine runs the load; store ``missing_sweeps = 0``. A stop that was asked for is still to be confirmed."""

    stop_pending: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over. ``ended_at`` is by our clock.

    ``counts_as_load_failure``: the load was lost without our asking, so ``abortOnLoadFailure`` decides.
    ``load_may_go_on``: the engine has lost sight of the run, so the intent to stop must outlive the task's end.
    """

    status: TaskStatus
    reason: str
    ended_at: datetime
    counts_as_load_failure: bool = False
    load_may_go_on: bool = False


Verdict = Unchanged | Running | Ended


def judge(answer: StatusAnswer, facts: TaskFacts) -> Verdict:
    """Say what the engine's answer about an active task's run means. Pure; the module's docstring has the table."""
    if isinstance(answer, EngineError):
        return Unchanged(f"the engine gave no usable answer: {answer.message}")
    if answer is None:
        return _judge_forgotten(facts)
    broke = None if answer.generator is None else answer.generator.broke
    if broke is not None and facts.stop is None and answer.status.is_ended:
        return Ended(TaskStatus.FAILED, broke, _ended_at(answer, facts), counts_as_load_failure=True)
    match answer.status:
        case EngineStatus.RUNNING:
            return Running(stop_pending=facts.stop is not None)
        case EngineStatus.PENDING:
            return Unchanged("the engine has not begun the run yet")
        case EngineStatus.UNKNOWN:
            return Unchanged(f"the engine told a state that is not known here: {answer.raw_status[:64]!r}")
        case EngineStatus.COMPLETED:
            return _judge_completed(answer, facts)
        case EngineStatus.STOPPED:
            return _judge_stopped(answer, facts)
        case EngineStatus.FAILED:
            return _judge_failed(answer, facts)
        case EngineStatus.TIMEOUT:
            return Ended(
                TaskStatus.TIMEOUT,
                "the engine ended the run at its timeout",
                _ended_at(answer, facts),
                counts_as_load_failure=facts.stop is None and not _duration_is_over(answer, facts),
            )


def _judge_forgotten(facts: TaskFacts) -> Verdict:
    if not facts.is_sweep:
        return Unchanged("the engine does not know this execution", facts.missing_sweeps, look_again=True)
    missing = facts.missing_sweeps + 1
    if missing < SWEEPS_UNTIL_FORGOTTEN:
        return Unchanged("the engine does not know this execution", missing, look_again=True)
    at_deadline = facts.stop is not None and facts.stop.why is StopReason.DEADLINE
    return Ended(
        TaskStatus.TIMEOUT if at_deadline else TaskStatus.FAILED,
        "the engine no longer knows this execution",
        facts.now,
        counts_as_load_failure=not at_deadline,
        load_may_go_on=True,
    )


def _judge_completed(run: EngineRun, facts: TaskFacts) -> Ended:
    early = not _duration_is_over(run, facts)
    ended_at = _ended_at(run, facts)
    if _was_rebuilt_after_restart(run, facts):
        reason = "the engine restarted during the run: whether the load ran to its end is not known"
        return Ended(TaskStatus.SUCCEEDED, reason, ended_at, counts_as_load_failure=early, load_may_go_on=early)
    return Ended(TaskStatus.SUCCEEDED, "ended early" if early else "ran its full duration", ended_at)


def _judge_stopped(run: EngineRun, facts: TaskFacts) -> Ended:
    ended_at = _ended_at(run, facts)
    if facts.stop is not None and not _ended_naturally_before(facts.stop, run, facts):
        return _ended_by(facts.stop, ended_at)
    if facts.stop is not None or _duration_is_over(run, facts):
        return Ended(TaskStatus.SUCCEEDED, "ran its full duration", ended_at)
    return Ended(TaskStatus.STOPPED, "stopped at the engine", ended_at, counts_as_load_failure=True)


def _judge_failed(run: EngineRun, facts: TaskFacts) -> Verdict:
    if facts.stop is not None:
        return _ended_by(facts.stop, _ended_at(run, facts))
    elapsed = _elapsed_by_our_clock(facts)
    if elapsed is not None:
        over_for = elapsed - timedelta(seconds=facts.planned_seconds)
        if -OWN_CLOCK_TOLERANCE <= over_for <= FAILED_IS_LOOKED_AT_AGAIN_FOR:
            return Unchanged("FAILED just after the full duration is looked at again", look_again=True)
    reason = "the run failed at the engine" + (f": {run.error_message}" if run.error_message else "")
    return Ended(
        TaskStatus.FAILED,
        reason,
        _ended_at(run, facts),
        counts_as_load_failure=True,
        load_may_go_on=_was_rebuilt_after_restart(run, facts),
    )


def _ended_by(stop: StopOrder, ended_at: datetime) -> Ended:
    reason = _WORDS_FOR_STOP[stop.why] + (f": {stop.detail}" if stop.detail else "")
    return Ended(
        _STATUS_AFTER_STOP[stop.why], reason, ended_at, counts_as_load_failure=stop.why in _STOPS_THAT_ARE_LOAD_FAILURES
    )


def _elapsed_by_our_clock(facts: TaskFacts) -> timedelta | None:
    return None if facts.load_started_at is None else facts.now - facts.load_started_at


def _length_by_the_engine(run: EngineRun) -> timedelta | None:
    """How long the run lasted by the engine's clock: right also when that clock is off, unless it jumped on the way."""
    if run.started_at is None or run.ended_at is None or run.ended_at <= run.started_at:
        return None
    return run.ended_at - run.started_at


def _duration_is_over(run: EngineRun, facts: TaskFacts) -> bool:
    planned = timedelta(seconds=facts.planned_seconds)
    length = _length_by_the_engine(run)
    elapsed = _elapsed_by_our_clock(facts)
    if elapsed is None:
        return length is not None and length >= planned - OWN_CLOCK_TOLERANCE
    if elapsed < planned - OWN_CLOCK_TOLERANCE:
        return False
    return length is None or length >= planned - ENGINE_COUNT_TOLERANCE


def _ended_naturally_before(stop: StopOrder, run: EngineRun, facts: TaskFacts) -> bool:
    """Whether the run had reached its duration before we asked: then the stop found nothing to stop.

    Only the engine's count of the length can tell, e.g. when it was out of reach from the run's end to the deadline.
    """
    length = _length_by_the_engine(run)
    if length is None or facts.load_started_at is None:
        return False
    reached = length >= timedelta(seconds=facts.planned_seconds) - OWN_CLOCK_TOLERANCE
    return reached and facts.load_started_at + length + ENGINE_COUNT_TOLERANCE < stop.asked_at


def _was_rebuilt_after_restart(run: EngineRun, facts: TaskFacts) -> bool:
    return facts.task_id is not None and run.test_name is not None and facts.task_id not in run.test_name


def _ended_at(run: EngineRun, facts: TaskFacts) -> datetime:
    """The end by our clock: our start plus the engine's count of the length, when it has one that fits, else now."""
    length = _length_by_the_engine(run)
    if length is None or facts.load_started_at is None:
        return facts.now
    return min(facts.load_started_at + length, facts.now)
