"""The append-only story of each task."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from tandem.adapters.database import tables
from tandem.domain.audit import AuditEntry, AuditKind
from tandem.domain.task import TaskStatus


class SqlAudit:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries in one statement."""
        if entries:
            values = [
                {
                    "task_id": entry.task_id,
                    "at": entry.at,
                    "kind": entry.kind,
                    "from_status": entry.from_status,
                    "to_status": entry.to_status,
                    "reason": entry.reason,
                }
                for entry in entries
            ]
            self._connection.execute(insert(tables.audit), values)

    def of_task(self, task_id: str) -> list[AuditEntry]:
        """All entries of a task, oldest first."""
        table = tables.audit
        rows = self._connection.execute(select(table).where(table.c.task_id == task_id).order_by(table.c.id))
        return [
            AuditEntry(
                task_id=row.task_id,
                at=row.at,
                kind=AuditKind(row.kind),
                reason=row.reason,
                from_status=None if row.from_status is None else TaskStatus(row.from_status),
                to_status=None if row.to_status is None else TaskStatus(row.to_status),
            )
            for row in rows
        ]
