"""A load that is larger than one engine can send: its parts, each on an engine of its own, and what they make together.

The parts are one load to everybody outside: it runs when every part was accepted, one part lost is the load lost, and
it is over when every part is. A load on one engine has no parts; ``ExperimentRun.load_parts`` shows it as one for
those who treat both alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from tandem.domain.engine_state import Ended, Running, Unchanged, Verdict
from tandem.domain.load_engine import EngineRun
from tandem.domain.task import TaskStatus

LONGEST_PATH = 512


class LoadAddress(NamedTuple):
    """Where a load, or a part of one, is to be found: on that engine by that id."""

    engine: str
    execution_id: str


@dataclass(slots=True)
class LoadPart:
    """What is remembered of one engine's share of a load. Times are aware UTC; the paths are the engine's own words.

    ``end`` is how it ended, ``over_at`` when it was certain that nothing of it runs (any more): a part whose engine
    lost sight of it has ended and is not over.
    """

    engine: str
    threads: int
    attempted_at: datetime | None = None
    accepted_at: datetime | None = None
    execution_id: str | None = None
    result_path: str | None = None
    report_path: str | None = None
    log_path: str | None = None
    missing_sweeps: int = 0
    end: Ended | None = None
    over_at: datetime | None = None

    @property
    def address(self) -> LoadAddress | None:
        """None before the engine took it."""
        return None if self.execution_id is None else LoadAddress(self.engine, self.execution_id)

    @property
    def status(self) -> TaskStatus:
        """As a task's: PENDING before its engine took it, then RUNNING, then how it ended.

        One that was to be stopped, and of which its engine then knew nothing, is STOPPED.
        """
        if self.end is not None:
            return self.end.status
        if self.execution_id is None:
            return TaskStatus.PENDING
        return TaskStatus.RUNNING if self.over_at is None else TaskStatus.STOPPED

    @property
    def unanswered(self) -> bool:
        """A start was sent, or may have been, and it is not known whether the engine took it."""
        return self.attempted_at is not None and self.execution_id is None and self.over_at is None

    @property
    def may_run(self) -> bool:
        """Only the engine can say that nothing of it runs."""
        return self.over_at is None and (self.attempted_at is not None or self.execution_id is not None)

    def accept(self, run: EngineRun, now: datetime) -> None:
        """The engine runs it."""
        self.execution_id, self.accepted_at, self.over_at = run.execution_id, now, None
        self.result_path = fitting(run.result_path)
        self.report_path = fitting(run.report_path)
        self.log_path = fitting(run.log_path)

    def take(self, verdict: Verdict, now: datetime) -> None:
        """What the engine's answer about it means; the first end counts."""
        match verdict:
            case Running():
                self.missing_sweeps = 0
            case Unchanged():
                self.missing_sweeps = verdict.missing_sweeps
            case Ended():
                self.end = self.end or verdict
                if not verdict.load_may_go_on:
                    self.over_at = now


def fitting(path: str | None) -> str | None:
    """A path that its column takes; one that is longer is of no use and must not spoil what is written with it."""
    return None if path is None or len(path) > LONGEST_PATH else path


def divided(threads: int, engines: int) -> list[int]:
    """So many threads as each of the engines takes, the rest on the first ones; never an engine without a thread."""
    shares = max(1, min(engines, threads))
    bounds = [threads * number // shares for number in range(shares + 1)]
    return sorted((after - before for before, after in pairwise(bounds)), reverse=True)


def together(parts: Sequence[LoadPart], *, accepted: bool) -> Verdict:
    """What has become of the load whose parts these are. ``accepted``: every engine had taken its part.

    A part that FAILED, that timed out, whose end counts as a load failure, or that ended well before all had begun, is
    the load lost, whatever the others do: FAILED then, for STOPPED says that nothing runs. Else the load goes on for as
    long as one part does, and of the ends of all the worst counts.
    """
    ends = [(part, part.end) for part in parts if part.end is not None]
    if not ends:
        return Running(stop_pending=False)
    lost = [each for each in ends if _is_lost(each[1], accepted=accepted)]
    if not lost and any(part.may_run and part.end is None for part in parts):
        return Unchanged("a part of the load goes on")
    part, worst = max(lost or ends, key=lambda each: _BADNESS[each[1].status])
    some_go_on = any(part.may_run for part in parts)
    well = worst.status is TaskStatus.SUCCEEDED
    cut_short = some_go_on or (well and not accepted)
    return Ended(
        TaskStatus.FAILED if lost and cut_short and worst.status not in _LOST else worst.status,
        worst.reason if well and not lost else f"{worst.reason} (engine {part.engine})",
        max(end.ended_at for _, end in ends),
        counts_as_load_failure=any(_is_failure(end, accepted=accepted) for _, end in lost),
        load_may_go_on=some_go_on,
    )


def _is_lost(end: Ended, *, accepted: bool) -> bool:
    return end.status in _LOST or _is_failure(end, accepted=accepted)


def _is_failure(end: Ended, *, accepted: bool) -> bool:
    return end.counts_as_load_failure or (not accepted and end.status is TaskStatus.SUCCEEDED)


_BADNESS = {TaskStatus.SUCCEEDED: 0, TaskStatus.STOPPED: 1, TaskStatus.TIMEOUT: 2, TaskStatus.FAILED: 3}
_LOST = frozenset({TaskStatus.FAILED, TaskStatus.TIMEOUT})
