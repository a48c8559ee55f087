"""Tasks counted by the database: as many rows come back as there are days and distinct durations."""

from collections import Counter
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, and_, case, cast, func, select, text

from tandem.adapters.database import tables
from tandem.domain.engine_state import StopReason
from tandem.domain.identity import Owner
from tandem.domain.task import TaskStatus
from tandem.domain.task_statistics import Period, TaskCounts
from tandem.domain.verdict_reasons import VerdictStatus

_TASK, _RUN = tables.task, tables.run
_ENDED = [status for status in TaskStatus if status.ended]


class SqlTaskCounts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self, owner: Owner, period: Period) -> TaskCounts:
        """An owner's tasks of a period, in three statements."""
        mine = [_TASK.c.user_id == owner.user_id, _TASK.c.namespace == owner.namespace, _TASK.c.is_delete == 0]
        if period.start is not None:
            mine.append(_TASK.c.gmt_create >= period.start)
        if period.end is not None:
            mine.append(_TASK.c.gmt_create < period.end)
        refused = select(func.count()).where(*mine, _TASK.c.status == TaskStatus.FAILED, _TASK.c.execution_id.is_(None))
        by_day: dict[date, dict[TaskStatus, int]] = {}
        by_verdict: Counter[VerdictStatus | None] = Counter()
        as_planned = 0
        for row in self._connection.execute(_grouped(mine)):
            # SQLite has no dates: it answers the text.
            found = row.day if isinstance(row.day, date) else date.fromisoformat(row.day)
            status = TaskStatus(row.status)
            of_day = by_day.setdefault(found, {})
            of_day[status] = of_day.get(status, 0) + row.tasks
            by_verdict[None if row.verdict is None else VerdictStatus(row.verdict)] += row.tasks
            as_planned += row.tasks if row.as_planned else 0
        return TaskCounts(
            by_day, self._durations(mine), self._connection.execute(refused).scalar_one(), by_verdict, as_planned
        )

    def _durations(self, mine: list[ColumnElement[bool]]) -> list[tuple[int, int]]:
        seconds = self._seconds().label("seconds")
        ran = [_TASK.c.start_time.is_not(None), _TASK.c.end_time.is_not(None), _TASK.c.status.in_(_ENDED)]
        counted = select(seconds, func.count().label("tasks")).where(*mine, *ran).group_by(seconds)
        # The engine's clock says when a load ended: it may be a little behind ours.
        return [(max(0, row.seconds), row.tasks) for row in self._connection.execute(counted)]

    def _seconds(self) -> ColumnElement[Any]:
        if self._connection.dialect.name == "sqlite":
            return cast(func.strftime("%s", _TASK.c.end_time), Integer) - cast(
                func.strftime("%s", _TASK.c.start_time), Integer
            )
        return func.timestampdiff(text("SECOND"), _TASK.c.start_time, _TASK.c.end_time)


def _grouped(mine: list[ColumnElement[bool]]) -> Select[Any]:
    """How many tasks there are of each day, state and verdict, and whether they were stopped as planned.

    The last as ``ExperimentRun.ended_as_planned`` says it of a STOPPED task.
    """
    day = func.date(_TASK.c.gmt_create).label("day")
    planned = case(
        (
            and_(
                _TASK.c.status == TaskStatus.STOPPED,
                _TASK.c.execution_id.is_not(None),
                _RUN.c.stop_cause == StopReason.STOP_ON_COMPLETION,
            ),
            1,
        ),
        else_=0,
    ).label("as_planned")
    kinds = (day, _TASK.c.status, _RUN.c.verdict, planned)
    joined = _TASK.outerjoin(_RUN, _RUN.c.task_id == _TASK.c.task_id)
    return select(*kinds, func.count().label("tasks")).select_from(joined).where(*mine).group_by(*kinds).order_by(day)
