"""The daily clean-up: ended tasks past the retention with their results, what was deleted, uploads that nobody uses."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.housekeeping import Housekeeping, KeptObjects
from tandem.services.delete_results import DeleteResults
from tandem.telemetry import LogEvent, log

BATCH = 500
BUDGET_SECONDS = 480
"""After this no new batch begins; the next day goes on."""

UPLOADS = "uploads/"
# An upload's object is written before its row (store_upload): a young one may be waiting for it.
ORPHAN_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CleanUpReport:
    """How many of each were deleted, and the bytes of the uploads that stay. ``complete``: nothing expired is left.

    ``results``, ``results_kept``, ``results_waiting``: loads whose files on the engine were deleted; whose engine
    cannot delete; which have to wait for another day. ``purged``: strategies and definitions that users had deleted.
    ``finishes``, ``announcements``: experiments without a load that ended, or were announced, too long ago.
    """

    tasks: int
    results: int
    results_kept: int
    results_waiting: int
    purged: int
    finishes: int
    announcements: int
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
        engines: LoadEngines,
        clock: Clock,
        retention: timedelta,
        finish_remembered: timedelta,
    ) -> None:
        self._housekeeping = housekeeping
        self._objects = objects
        self._engines = engines
        self._clock = clock
        self._retention = retention
        self._finish_remembered = finish_remembered

    def __call__(self) -> CleanUpReport:
        """Raises DatabaseUnavailable, StorageUnavailable."""
        now = self._clock.now()
        until = now + timedelta(seconds=BUDGET_SECONDS)
        expired = now - self._retention
        files = DeleteResults(self._engines)
        tasks, tasks_done = self._delete_tasks(files, expired, until)
        purged, purged_done = self._repeat(lambda: self._housekeeping.purge_deleted(expired, BATCH), until)
        forgotten = now - self._finish_remembered
        finishes, finishes_done = self._repeat(lambda: self._housekeeping.forget_finishes(forgotten, BATCH), until)
        announcements, announcements_done = self._repeat(
            lambda: self._housekeeping.forget_announcements(forgotten, BATCH), until
        )
        uploads, uploads_done = self._delete_uploads(expired, until)
        orphans, upload_bytes = self._delete_orphans(now - ORPHAN_AGE)
        report = CleanUpReport(
            tasks=tasks,
            results=files.deleted,
            results_kept=files.kept,
            results_waiting=files.waiting,
            purged=purged,
            finishes=finishes,
            announcements=announcements,
            uploads=uploads,
            orphans=orphans,
            upload_bytes=upload_bytes,
            complete=tasks_done and purged_done and finishes_done and announcements_done and uploads_done,
        )
        log(LogEvent.CLEANED_UP, **asdict(report))
        return report

    def _delete_tasks(self, files: DeleteResults, expired: datetime, until: datetime) -> tuple[int, bool]:
        """Files first: a row that outlives its files is found again, files without a row never would be."""
        total, after = 0, 0
        while self._clock.now() < until:
            batch = self._housekeeping.expired_tasks(expired, after, BATCH)
            gone = []
            for task in batch:
                if self._clock.now() >= until:
                    break
                if files(task):
                    gone.append(task.task_id)
                after = task.id
            total += self._housekeeping.delete_tasks(gone, expired)
            if len(batch) < BATCH and (not batch or after == batch[-1].id):
                return total, files.waiting == 0
        return total, False

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
