"""How an owner's load tests went, counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.summary import percentiles
from tandem.domain.task import TaskStatus
from tandem.domain.verdict_reasons import VerdictStatus


@dataclass(frozen=True, slots=True)
class Period:
    """Tasks created from ``start`` (included) to ``end`` (excluded), aware; None does not bound."""

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise InvalidValue("One or more parameters are wrong.", [FieldFault("from", "must not be after to")])


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """``by_day``: tasks by the day (UTC) on which they were created. ``durations``: seconds, and how many took that.

    ``by_verdict``: by what their archives say; None: nothing (yet). ``stopped_as_planned``: STOPPED with the
    experiment, as they were configured.
    """

    by_day: Mapping[date, Mapping[TaskStatus, int]]
    durations: Sequence[tuple[int, int]]
    starts_refused: int
    by_verdict: Mapping[VerdictStatus | None, int]
    stopped_as_planned: int


@dataclass(frozen=True, slots=True)
class TaskStatistics:
    """Durations in seconds of tasks that ran and ended; None without any.

    ``success_rate``: of those that ended the share, 0..1, that SUCCEEDED or was stopped as planned.
    """

    by_status: Mapping[TaskStatus, int]
    by_verdict: Mapping[VerdictStatus | None, int]
    success_rate: float | None
    mean_duration_sec: float | None
    p95_duration_sec: int | None
    starts_refused: int
    by_day: Mapping[date, Mapping[TaskStatus, int]]

    @property
    def total(self) -> int:
        return sum(self.by_status.values())


def task_statistics(counts: TaskCounts) -> TaskStatistics:
    """The statistics of what was counted; the percentile is nearest-rank, as in ``summary``."""
    by_status = {status: sum(day.get(status, 0) for day in counts.by_day.values()) for status in TaskStatus}
    ended = sum(count for status, count in by_status.items() if status.ended)
    durations = sorted(counts.durations)
    ran = sum(count for _, count in durations)
    (p95,) = percentiles([seconds for seconds, _ in durations], [count for _, count in durations], [95])
    return TaskStatistics(
        by_status=by_status,
        by_verdict={verdict: counts.by_verdict.get(verdict, 0) for verdict in (*VerdictStatus, None)},
        success_rate=(by_status[TaskStatus.SUCCEEDED] + counts.stopped_as_planned) / ended if ended else None,
        mean_duration_sec=sum(seconds * count for seconds, count in durations) / ran if ran else None,
        p95_duration_sec=p95,
        starts_refused=counts.starts_refused,
        by_day=counts.by_day,
    )
