"""The daily clean-up: batches, its limit of time, and files without a row."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import pytest
from tandem.domain.housekeeping import KeptObject, Statistics
from tandem.domain.upload import StorageUnavailable
from tandem.services.clean_up_expired import BATCH, BUDGET_SECONDS, CleanUpExpired
from tandem.services.publish_statistics import metrics_of

from tests.factories.experiments import NOON

DAY = timedelta(days=1)


class Clock:
    """Noon, and later by ``step`` with every look."""

    def __init__(self, step: float = 0) -> None:
        self.at = NOON
        self.step = timedelta(seconds=step)

    def now(self) -> datetime:
        self.at += self.step
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Rows:
    """A Housekeeping of counts; it notes the limits that it is asked with."""

    def __init__(self, tasks: int = 0, finishes: int = 0, uploads: Sequence[str] = ()) -> None:
        self.tasks, self.finishes, self.uploads = tasks, finishes, list(uploads)
        self.moments: dict[str, datetime] = {}

    def delete_tasks(self, ended_before: datetime, limit: int) -> int:
        self.moments["tasks"] = ended_before
        deleted = min(limit, self.tasks)
        self.tasks -= deleted
        return deleted

    def forget_finishes(self, before: datetime, limit: int) -> int:
        self.moments["finishes"] = before
        deleted = min(limit, self.finishes)
        self.finishes -= deleted
        return deleted

    def delete_unused_uploads(self, created_before: datetime, after_id: int, limit: int) -> tuple[int, int | None]:
        self.moments["uploads"] = created_before
        return 0, None

    def known_uploads(self, upload_ids: Sequence[str]) -> set[str]:
        return set(upload_ids) & set(self.uploads)

    def statistics(self, now: datetime, overdue_since: datetime) -> Statistics:
        return Statistics(1, 2, 3, 4, NOON - DAY, 5, None, NOON - timedelta(seconds=40), 6)


class Files:
    def __init__(self, *objects: KeptObject, broken: bool = False) -> None:
        self.objects = list(objects)
        self.broken = broken

    def all(self, prefix: str) -> Iterator[list[KeptObject]]:
        yield [each for each in self.objects if each.key.startswith(prefix)]
        yield []

    def delete(self, keys: Iterable[str]) -> None:
        doomed = set(keys)
        if doomed and self.broken:
            raise StorageUnavailable("the file store deletes nothing now")
        self.objects = [each for each in self.objects if each.key not in doomed]


def clean_up(rows: Rows, files: Files, clock: Clock | None = None) -> CleanUpExpired:
    return CleanUpExpired(rows, files, clock or Clock(), 30 * DAY, DAY)


def test_everything_expired_goes_in_batches() -> None:
    rows = Rows(tasks=2 * BATCH + 1, finishes=BATCH)
    report = clean_up(rows, Files())()
    assert (report.tasks, report.finishes, report.complete) == (2 * BATCH + 1, BATCH, True)
    assert (rows.tasks, rows.finishes) == (0, 0)
    assert rows.moments == {"tasks": NOON - 30 * DAY, "uploads": NOON - 30 * DAY, "finishes": NOON - DAY}


def test_no_new_batch_begins_after_the_time_is_up_and_the_report_says_so() -> None:
    rows = Rows(tasks=100 * BATCH)
    report = clean_up(rows, Files(), Clock(step=BUDGET_SECONDS / 4))()
    assert 0 < report.tasks < 100 * BATCH
    assert report.complete is False
    assert rows.tasks == 100 * BATCH - report.tasks


def test_only_old_objects_without_a_row_are_deleted_and_the_rest_is_counted() -> None:
    files = Files(
        KeptObject("uploads/upload_known/plan.jmx", 10, NOON - 90 * DAY),
        KeptObject("uploads/upload_gone/plan.jmx", 100, NOON - 2 * DAY),
        KeptObject("uploads/upload_young/plan.jmx", 1000, NOON - timedelta(hours=1)),
        KeptObject("incoming/upload_x/plan.jmx", 10_000, NOON - 90 * DAY),
    )
    report = clean_up(Rows(uploads=["upload_known"]), files)()
    assert report.orphans == 1
    assert report.upload_bytes == 1010
    assert [each.key.split("/")[1] for each in files.objects] == ["upload_known", "upload_young", "upload_x"]


def test_a_file_store_that_refuses_is_told_of_and_the_next_day_goes_on() -> None:
    files = Files(KeptObject("uploads/upload_gone/plan.jmx", 100, NOON - 2 * DAY), broken=True)
    rows = Rows(tasks=1)
    with pytest.raises(StorageUnavailable):
        clean_up(rows, files)()
    assert rows.tasks == 0
    files.broken = False
    assert clean_up(rows, files)().orphans == 1


def test_statistics_become_metrics_with_ages_in_seconds() -> None:
    metrics = metrics_of(Rows().statistics(NOON, NOON), NOON)
    assert metrics["OldestPendingStopSeconds"] == 86_400
    assert metrics["OldestMessageSeconds"] == 0
    assert metrics["SweepAgeSeconds"] == 40
    assert (metrics["TasksPending"], metrics["TasksRunning"], metrics["TasksOverdue"]) == (1, 2, 3)
