"""Deleting in bounded batches, and counting, in the database."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, or_, select, text

from tandem.adapters.database import tables
from tandem.adapters.database.documents import LOAD_PARTS, RUN_PLAN
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.housekeeping import ExpiredTask, Statistics
from tandem.domain.load_part import LoadAddress
from tandem.domain.task import TaskStatus
from tandem.domain.upload import UPLOAD_SCHEME

_TASK, _RUN, _AUDIT, _UPLOAD = tables.task, tables.run, tables.audit, tables.upload
_ENDED = [status for status in TaskStatus if status.ended]
_ACTIVE = [status for status in TaskStatus if not status.ended]


class SqlHousekeeping:
    """The Housekeeping port."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    def expired_tasks(self, ended_before: datetime, after_id: int, limit: int) -> list[ExpiredTask]:
        query = (
            select(_TASK.c.id, _TASK.c.task_id, _TASK.c.execution_id, _RUN.c.engine, _RUN.c.parts)
            .select_from(_TASK.outerjoin(_RUN, _RUN.c.task_id == _TASK.c.task_id))
            .where(_TASK.c.id > after_id, _expired(ended_before))
            .order_by(_TASK.c.id)
            .limit(limit)
        )
        rows = self._database.transact(lambda connection: connection.execute(query).all(), read_only=True)
        return [ExpiredTask(row.id, row.task_id, _loads(row)) for row in rows]

    def delete_tasks(self, task_ids: Sequence[str], ended_before: datetime) -> int:
        def work(connection: Connection) -> int:
            query = (
                select(_TASK.c.task_id)
                .select_from(_TASK.outerjoin(_RUN, _RUN.c.task_id == _TASK.c.task_id))
                .where(_TASK.c.task_id.in_(task_ids), _expired(ended_before))
                .order_by(_TASK.c.id)
                .with_for_update()
            )
            doomed = list(connection.execute(query).scalars())
            for table in (_AUDIT, _RUN, _TASK):
                connection.execute(delete(table).where(table.c.task_id.in_(doomed)))
            return len(doomed)

        return self._database.transact(work) if task_ids else 0

    def purge_deleted(self, deleted_before: datetime, limit: int) -> int:
        named = exists().where(_TASK.c.strategy_id == tables.strategy.c.strategy_id)
        used = exists().where(tables.strategy.c.definition_id == tables.definition.c.definition_id)

        def work(connection: Connection) -> int:
            purged = 0
            # Strategies first: with them goes what holds their definitions.
            for table, referred in ((tables.strategy, named), (tables.definition, used)):
                old = (table.c.live.is_(None), table.c.gmt_modified < deleted_before, ~referred)
                doomed = list(connection.execute(select(table.c.id).where(*old).limit(limit)).scalars())
                purged += connection.execute(delete(table).where(table.c.id.in_(doomed))).rowcount
            return purged

        return self._database.transact(work)

    def forget_finishes(self, before: datetime, limit: int) -> int:
        def work(connection: Connection) -> int:
            query = select(_RUN.c.id).where(_RUN.c.task_id.is_(None), _RUN.c.gmt_create < before).limit(limit)
            found = list(connection.execute(query.with_for_update()).scalars())
            connection.execute(delete(_RUN).where(_RUN.c.id.in_(found)))
            return len(found)

        return self._database.transact(work)

    def forget_announcements(self, before: datetime, limit: int) -> int:
        table = tables.announcement

        def work(connection: Connection) -> int:
            query = select(table.c.id).where(table.c.at < before).order_by(table.c.at).limit(limit)
            found = list(connection.execute(query).scalars())
            # Looked at again: one that was announced anew meanwhile stays.
            doomed = delete(table).where(table.c.id.in_(found), table.c.at < before)
            return connection.execute(doomed).rowcount

        return self._database.transact(work)

    def delete_unused_uploads(self, created_before: datetime, after_id: int, limit: int) -> tuple[int, int | None]:
        def work(connection: Connection) -> tuple[int, int | None]:
            query = (
                select(_UPLOAD.c.id, _UPLOAD.c.upload_id)
                .where(_UPLOAD.c.id > after_id, _UPLOAD.c.gmt_create < created_before)
                .order_by(_UPLOAD.c.id)
                .limit(limit)
                .with_for_update()
            )
            old = list(connection.execute(query))
            if not old:
                return 0, None
            used = _used_uploads(connection)
            unused = [row.id for row in old if row.upload_id not in used]
            connection.execute(delete(_UPLOAD).where(_UPLOAD.c.id.in_(unused)))
            return len(unused), old[-1].id if len(old) == limit else None

        return self._database.transact(work)

    def known_uploads(self, upload_ids: Sequence[str]) -> set[str]:
        query = select(_UPLOAD.c.upload_id).where(_UPLOAD.c.upload_id.in_(upload_ids))
        return self._database.transact(lambda connection: set(connection.execute(query).scalars()), read_only=True)

    def statistics(self, now: datetime, overdue_since: datetime) -> Statistics:
        def work(connection: Connection) -> Statistics:
            by_status = {status: _count_of_tasks(connection, status) for status in _ACTIVE}
            overdue = (
                select(func.count())
                .select_from(_RUN.join(_TASK, _TASK.c.task_id == _RUN.c.task_id))
                .where(_RUN.c.settled == 0, _TASK.c.status.in_(_ACTIVE), _RUN.c.deadline < overdue_since)
            )
            pending: list[ColumnElement[bool]] = [
                _RUN.c.settled == 0,
                _RUN.c.stop_requested_at.is_not(None),
                _RUN.c.stop_confirmed_at.is_(None),
            ]
            stops = connection.execute(
                select(func.count().label("number"), func.min(_RUN.c.stop_requested_at).label("oldest")).where(*pending)
            ).one()
            messages = connection.execute(
                select(func.count().label("number"), func.min(tables.outbox.c.gmt_create).label("oldest"))
            ).one()
            return Statistics(
                tasks_pending=by_status[TaskStatus.PENDING],
                tasks_running=by_status[TaskStatus.RUNNING],
                tasks_overdue=connection.execute(overdue).scalar_one(),
                stops_pending=stops.number,
                oldest_pending_stop=stops.oldest,
                messages_waiting=messages.number,
                oldest_message=messages.oldest,
                last_sweep=connection.execute(select(func.max(tables.lease.c.done_at))).scalar_one(),
                database_bytes=_bytes_of(connection),
            )

        return self._database.transact(work, read_only=True)


def _expired(ended_before: datetime) -> ColumnElement[bool]:
    return and_(
        _TASK.c.status.in_(_ENDED),
        _TASK.c.gmt_modified < ended_before,
        # A task whose stop is not confirmed, or whose platform still waits, is not over.
        or_(_RUN.c.id.is_(None), _RUN.c.settled == 1),
    )


def _count_of_tasks(connection: Connection, status: TaskStatus) -> int:
    return connection.execute(select(func.count()).select_from(_TASK).where(_TASK.c.status == status)).scalar_one()


def _used_uploads(connection: Connection) -> set[str]:
    """The upload ids that live definitions and the plans of unsettled runs name."""
    definition = tables.definition
    paths: list[str | None] = []
    for row in connection.execute(
        select(definition.c.content_ref, definition.c.data_files).where(definition.c.live == 1)
    ):
        paths += [row.content_ref, *json.loads(row.data_files)]
    # A run has its plan from its start: a definition that was changed or deleted meanwhile does not matter to it.
    for document in connection.execute(select(_RUN.c.plan).where(_RUN.c.settled == 0)).scalars():
        plan = RUN_PLAN.validate_json(document) if document else None
        if plan is not None:
            paths += [plan.definition.content_ref, *plan.definition.data_files]
    return {
        path.removeprefix(UPLOAD_SCHEME).partition("/")[0]
        for path in paths
        if path is not None and path.startswith(UPLOAD_SCHEME)
    }


def _bytes_of(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(pages.scalar_one())
    if not getattr(connection.dialect, "is_mariadb", False):
        # MySQL answers from figures of up to a day ago; MariaDB knows neither them nor the setting.
        connection.exec_driver_sql("SET SESSION information_schema_stats_expiry = 0")
    sizes = text(
        "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables "
        "WHERE table_schema = DATABASE()"
    )
    return int(connection.execute(sizes).scalar_one())


def _loads(row: Row[*tuple[Any, ...]]) -> tuple[LoadAddress, ...]:
    if row.parts is not None:
        parts = LOAD_PARTS.validate_json(row.parts)
        return tuple(part.address for part in parts if part.address is not None)
    if row.execution_id is None:
        return ()
    return (LoadAddress(row.engine or DEFAULT_ENGINE, row.execution_id),)
