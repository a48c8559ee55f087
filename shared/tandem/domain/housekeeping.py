"""What keeps the database and the file store from growing for ever, and what an operator counts in them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tandem.domain.load_part import LoadAddress


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts at one moment. ``oldest_*`` are None when there is none, ``last_sweep`` when there never was one;
    ``database_bytes`` counts tables and indexes.
    """

    tasks_pending: int
    tasks_running: int
    tasks_overdue: int
    stops_pending: int
    oldest_pending_stop: datetime | None
    messages_waiting: int
    oldest_message: datetime | None
    last_sweep: datetime | None
    database_bytes: int


@dataclass(frozen=True, slots=True)
class KeptObject:
    """An object of the file store; ``size`` is in bytes."""

    key: str
    size: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class ExpiredTask:
    """A task to be deleted, and on which engines its load's files lie; on none when it was never started."""

    id: int
    task_id: str
    loads: tuple[LoadAddress, ...]


class Housekeeping(Protocol):
    """Deletes in batches, each in a transaction of its own. Raises DatabaseUnavailable."""

    def expired_tasks(self, ended_before: datetime, after_id: int, limit: int) -> list[ExpiredTask]:
        """The first tasks behind ``after_id`` that ended before and whose runs are settled."""
        ...

    def delete_tasks(self, task_ids: Sequence[str], ended_before: datetime) -> int:
        """Delete those of these tasks that still are expired, with all that is theirs."""
        ...

    def purge_deleted(self, deleted_before: datetime, limit: int) -> int:
        """Purge up to ``limit`` strategies that were deleted before and that no task names, and as many definitions
        that no strategy names.
        """
        ...

    def forget_finishes(self, before: datetime, limit: int) -> int:
        """Forget experiments that ended before and never had a load."""
        ...

    def forget_announcements(self, before: datetime, limit: int) -> int:
        """Forget experiments that were announced before and got no load."""
        ...

    def delete_unused_uploads(self, created_before: datetime, after_id: int, limit: int) -> tuple[int, int | None]:
        """Look at ``limit`` uploads behind ``after_id``, delete those that no live definition and no active run uses.

        Answers how many were deleted, and the id behind which to go on; None at the end.
        """
        ...

    def known_uploads(self, upload_ids: Sequence[str]) -> set[str]:
        """Those of the ids that there are uploads of."""
        ...

    def statistics(self, now: datetime, overdue_since: datetime) -> Statistics:
        """Counts now; a task is overdue when its deadline was before ``overdue_since`` and it is still active."""
        ...


class KeptObjects(Protocol):
    """The file store as the clean-up sees it. Raises StorageUnavailable."""

    def all(self, prefix: str) -> Iterator[list[KeptObject]]:
        """Every object below a prefix, in pages."""
        ...

    def delete(self, keys: Iterable[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """What a migration did: revisions before (None: an empty database) and after."""

    before: str | None
    after: str | None


class Schema(Protocol):
    """The database's schema."""

    def migrate(self) -> SchemaChange:
        """Bring it to the newest revision, one caller at a time. Raises DatabaseUnavailable."""
        ...


class Users(Protocol):
    """The database's users."""

    def admit(self) -> str:
        """Let the functions' user in with the rights that they need, answer its name. Raises DatabaseUnavailable."""
        ...
