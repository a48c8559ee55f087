"""The lines of a task's story: what it became and why, kept for ever beside it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tandem.domain.task import TaskStatus


class AuditKind(StrEnum):
    """TRANSITION: the task's state changed. NOTE: something else that the task's story needs."""

    TRANSITION = "TRANSITION"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A line of a task's story; a NOTE has no states."""

    task_id: str
    at: datetime
    kind: AuditKind
    reason: str
    from_status: TaskStatus | None = None
    to_status: TaskStatus | None = None
