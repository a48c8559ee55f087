"""The daily clean-up: ended tasks past the retention, uploads that nobody uses, files without a row."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem.domain.clock import Clock
from tandem.domain.housekeeping import Housekeeping, KeptObjects
from tandem.telemetry import LogEvent, log

BATCH = 500
BUDGET_SECONDS = 480
"""After this no new batch begins; the next day goes on."""

UPLOADS = "uploads/"
# An upload's object is written before its row (store_upload): a young one may be waiting for it.
ORPHAN_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CleanUpReport:
    """How many of each were deleted, and the bytes of the uploads that stay. ``complete``: nothing expired is left."""

    tasks: int
    finishes: int
    uploads: int
    orphans: int
    upload_bytes: int
    complete: bool


class CleanUpExpired:
    """Safe to repeat and to interrupt: every batch is a transaction, rows go before their objects."""

    def __init__(
        self,
        housekeeping: Housekeeping,
        objects: KeptObjects,
        clock: Clock,
        retention: timedelta,
        finish_remembered: timedelta,
    ) -> None:
        self._housekeeping = housekeeping
        self._objects = objects
        self._clock = clock
        self._retention = retention
        self._finish_remembered = finish_remembered

    def __call__(self) -> CleanUpReport:
        """Raises DatabaseUnavailable, StorageUnavailable."""
        now = self._clock.now()
        until = now + timedelta(seconds=BUDGET_SECONDS)
        expired = now - self._retention
        tasks, tasks_done = self._repeat(lambda: self._housekeeping.delete_tasks(expired, BATCH), until)
        forgotten = now - self._finish_remembered
        finishes, finishes_done = self._repeat(lambda: self._housekeeping.forget_finishes(forgotten, BATCH), until)
        uploads, uploads_done = self._delete_uploads(expired, until)
        orphans, upload_bytes = self._delete_orphans(now - ORPHAN_AGE)
        complete = tasks_done and finishes_done and uploads_done
        report = CleanUpReport(tasks, finishes, uploads, orphans, upload_bytes, complete)
        log(
            LogEvent.CLEANED_UP,
            tasks=tasks,
            finishes=finishes,
            uploads=uploads,
            orphans=orphans,
            upload_bytes=upload_bytes,
            complete=complete,
        )
        return report

    def _repeat(self, delete: Callable[[], int], until: datetime) -> tuple[int, bool]:
        total = 0
        while self._clock.now() < until:
            deleted = delete()
            total += deleted
            if deleted < BATCH:
                return total, True
        return total, False

    def _delete_uploads(self, expired: datetime, until: datetime) -> tuple[int, bool]:
        total, after = 0, 0
        while self._clock.now() < until:
            deleted, following = self._housekeeping.delete_unused_uploads(expired, after, BATCH)
            total += deleted
            if following is None:
                return total, True
            after = following
        return total, False

    def _delete_orphans(self, stored_before: datetime) -> tuple[int, int]:
        """Delete old objects without a row: what was just deleted, and what an interrupted upload left."""
        orphans, kept_bytes = 0, 0
        for page in self._objects.all(UPLOADS):
            ids = {each.key: each.key.removeprefix(UPLOADS).partition("/")[0] for each in page}
            known = self._housekeeping.known_uploads(sorted(set(ids.values()))) if ids else set()
            doomed = [each.key for each in page if ids[each.key] not in known and each.stored_at < stored_before]
            self._objects.delete(doomed)
            orphans += len(doomed)
            kept_bytes += sum(each.size for each in page if each.key not in set(doomed))
        return orphans, kept_bytes
