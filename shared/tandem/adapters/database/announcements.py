"""Experiments that were announced and got no load."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from tandem.adapters.database import tables
from tandem.domain.announcement import Announcement, NoLoadCode
from tandem.domain.identity import Owner

_TABLE = tables.announcement


class SqlAnnouncements:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, owner: Owner, experiment_task_id: str, since: datetime) -> Announcement | None:
        """The entry, unless it is older than ``since``."""
        return self._one(_named(owner, experiment_task_id).where(_TABLE.c.at >= since))

    def lock(self, owner: Owner, experiment_task_id: str) -> Announcement | None:
        """The entry, however old, held until the transaction ends."""
        return self._one(_named(owner, experiment_task_id).with_for_update())

    def put(self, announcement: Announcement, *, known: bool) -> None:
        """Write the entry; ``known``: in place of the one that was locked in this transaction."""
        names = {
            "experiment_task_id": announcement.experiment_task_id,
            "user_id": announcement.owner.user_id,
            "namespace": announcement.owner.namespace,
        }
        content = {
            "at": announcement.at,
            "experiment_id": announcement.experiment_id,
            "code": announcement.code,
            "reason": announcement.reason,
            "answered_at": announcement.answered_at,
        }
        if known:
            where = [_TABLE.c[name] == value for name, value in names.items()]
            self._connection.execute(update(_TABLE).where(*where).values(**content))
        else:
            self._connection.execute(insert(_TABLE).values(**names, **content))

    def _one(self, query: Select[Any]) -> Announcement | None:
        row = self._connection.execute(query).first()
        return None if row is None else _announcement(row)


def _named(owner: Owner, experiment_task_id: str) -> Select[Any]:
    return select(_TABLE).where(
        _TABLE.c.experiment_task_id == experiment_task_id,
        _TABLE.c.user_id == owner.user_id,
        _TABLE.c.namespace == owner.namespace,
    )


def _announcement(row: Row[Any]) -> Announcement:
    return Announcement(
        experiment_task_id=row.experiment_task_id,
        owner=Owner(row.user_id, row.namespace),
        experiment_id=row.experiment_id,
        code=NoLoadCode(row.code),
        reason=row.reason,
        at=row.at,
        answered_at=row.answered_at,
    )
