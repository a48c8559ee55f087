"""Parameters and view of the statistics."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from tandem.domain.task import TaskStatus
from tandem.domain.task_statistics import Period, TaskStatistics
from tandem.domain.verdict_reasons import VerdictStatus
from tandem.rest.parameters import Document, Parameters

_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")


def _moment(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be text in ISO 8601")
    try:
        # A plus that was not escaped arrives as a blank.
        moment = datetime.fromisoformat(_LOST_PLUS.sub("+", value.strip()))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise ValueError("must be ISO 8601, such as 2026-01-02T03:04:05+00:00; without an offset it is UTC") from fault


IsoMoment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


class StatisticsQuery(Parameters):
    """The period, by when tasks were created: from ``from`` to just before ``to``."""

    to: IsoMoment | None = None
    from_: IsoMoment | None = Field(default=None, alias="from")

    @field_validator("from_")
    @classmethod
    def _not_after_to(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        to = info.data.get("to")
        if value is not None and to is not None and value > to:
            raise ValueError("must not be after to")
        return value

    @property
    def period(self) -> Period:
        return Period(self.from_, self.to)


class DayView(Document):
    """The tasks created on one day (UTC)."""

    day: str
    total: int
    by_status: dict[TaskStatus, int]


class StatisticsView(Document):
    """successRate is 0..1: of the tasks that ended those that SUCCEEDED, or were STOPPED as planned.

    ``byVerdict`` counts what their archives say, ``none`` those that have no verdict (yet). Durations are in
    seconds, of the tasks that ran and ended.
    """

    total: int
    by_status: dict[TaskStatus, int]
    by_verdict: dict[VerdictStatus | Literal["none"], int]
    success_rate: float | None
    mean_duration_sec: float | None
    p95_duration_sec: int | None
    starts_refused: int
    timeouts: int
    by_day: list[DayView]

    @classmethod
    def of(cls, statistics: TaskStatistics) -> "StatisticsView":
        return cls.model_construct(
            total=statistics.total,
            by_status=dict(statistics.by_status),
            by_verdict={verdict or "none": count for verdict, count in statistics.by_verdict.items()},
            success_rate=statistics.success_rate,
            mean_duration_sec=statistics.mean_duration_sec,
            p95_duration_sec=statistics.p95_duration_sec,
            starts_refused=statistics.starts_refused,
            timeouts=statistics.by_status[TaskStatus.TIMEOUT],
            by_day=[
                DayView.model_construct(
                    day=day.isoformat(),
                    total=sum(by_status.values()),
                    by_status={status: by_status.get(status, 0) for status in TaskStatus},
                )
                for day, by_status in sorted(statistics.by_day.items())
            ],
        )
