"""Tasks counted by the database: as many rows come back as there are days and distinct durations."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, cast, func, select, text

from tandem.adapters.database import tables
from tandem.domain.identity import Owner
from tandem.domain.task import TaskStatus
from tandem.domain.task_statistics import Period, TaskCounts

_TASK = tables.task
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
        return TaskCounts(self._by_day(mine), self._durations(mine), self._connection.execute(refused).scalar_one())

    def _by_day(self, mine: list[ColumnElement[bool]]) -> dict[date, dict[TaskStatus, int]]:
        day = func.date(_TASK.c.gmt_create).label("day")
        rows = self._connection.execute(
            select(day, _TASK.c.status, func.count().label("tasks"))
            .where(*mine)
            .group_by(day, _TASK.c.status)
            .order_by(day)
        )
        counted: dict[date, dict[TaskStatus, int]] = {}
        for row in rows:
            # SQLite has no dates: it answers the text.
            found = row.day if isinstance(row.day, date) else date.fromisoformat(row.day)
            counted.setdefault(found, {})[TaskStatus(row.status)] = row.tasks
        return counted

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
