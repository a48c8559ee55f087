"""The daily clean-up: batches, its limit of time, and files without a row."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar, cast

import pytest
from tandem.domain.engine_pool import EngineNotInPool, PooledEngine
from tandem.domain.errors import EngineError, EngineRefused, EngineUnavailable, StorageUnavailable
from tandem.domain.housekeeping import ExpiredTask, KeptObject, Statistics
from tandem.domain.load_engine import Deletion, LoadEngine, Survey
from tandem.domain.load_part import LoadAddress
from tandem.services.clean_up_expired import BATCH, BUDGET_SECONDS, CleanUpExpired
from tandem.services.publish_statistics import metrics_of

from tests.factories.experiments import NOON

T = TypeVar("T")
DAY = timedelta(days=1)
ENGINE = "default"


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
        self.left = list(range(1, tasks + 1))
        self.finishes, self.uploads = finishes, list(uploads)
        self.moments: dict[str, datetime] = {}

    def expired_tasks(self, ended_before: datetime, after_id: int, limit: int) -> list[ExpiredTask]:
        self.moments["tasks"] = ended_before
        waiting = [each for each in self.left if each > after_id]
        return [ExpiredTask(each, f"t{each}", (LoadAddress(ENGINE, f"x{each}"),)) for each in waiting[:limit]]

    def delete_tasks(self, task_ids: Sequence[str], ended_before: datetime) -> int:
        before = len(self.left)
        self.left = [each for each in self.left if f"t{each}" not in set(task_ids)]
        return before - len(self.left)

    def purge_deleted(self, deleted_before: datetime, limit: int) -> int:
        self.moments["purged"] = deleted_before
        return 0

    def forget_announcements(self, before: datetime, limit: int) -> int:
        self.moments["announcements"] = before
        return 0

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


class Engines:
    """A pool of one engine, which says of each load what ``answers`` holds for its id, else that it is gone."""

    def __init__(self, **answers: Deletion | EngineError) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.known = True

    def of(self, name: str) -> LoadEngine:
        if not self.known:
            raise EngineNotInPool(name)
        return cast(LoadEngine, self)

    def delete_results(self, execution_id: str) -> Deletion:
        self.asked.append(execution_id)
        answer = self.answers.get(execution_id, Deletion.GONE)
        if isinstance(answer, EngineError):
            raise answer
        return answer

    def pool(self) -> Sequence[PooledEngine]:
        raise NotImplementedError

    def side_by_side(self, names: Sequence[str], ask: Callable[[str], T]) -> Mapping[str, T]:
        raise NotImplementedError

    def survey(self, wanted: Mapping[str, Sequence[str]], budget_seconds: float) -> Mapping[str, Survey]:
        raise NotImplementedError

    def health(self) -> Mapping[str, bool]:
        raise NotImplementedError


def clean_up(rows: Rows, files: Files, clock: Clock | None = None, engines: Engines | None = None) -> CleanUpExpired:
    return CleanUpExpired(rows, files, engines or Engines(), clock or Clock(), 30 * DAY, DAY)


def test_everything_expired_goes_in_batches() -> None:
    rows = Rows(tasks=2 * BATCH + 1, finishes=BATCH)
    report = clean_up(rows, Files())()
    assert (report.tasks, report.finishes, report.complete) == (2 * BATCH + 1, BATCH, True)
    assert (len(rows.left), rows.finishes) == (0, 0)
    expired = NOON - 30 * DAY
    assert rows.moments == {
        "tasks": expired,
        "purged": expired,
        "uploads": expired,
        "finishes": NOON - DAY,
        "announcements": NOON - DAY,
    }


def test_no_new_batch_begins_after_the_time_is_up_and_the_report_says_so() -> None:
    rows = Rows(tasks=100 * BATCH)
    report = clean_up(rows, Files(), Clock(step=BUDGET_SECONDS / (2 * BATCH)))()
    assert 0 < report.tasks < 100 * BATCH
    assert report.complete is False
    assert len(rows.left) == 100 * BATCH - report.tasks


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
    assert rows.left == []
    files.broken = False
    assert clean_up(rows, files)().orphans == 1


def test_the_files_of_a_load_go_before_its_row() -> None:
    rows, engines = Rows(tasks=3), Engines()
    report = clean_up(rows, Files(), engines=engines)()
    assert (report.tasks, report.results, engines.asked) == (3, 3, ["x1", "x2", "x3"])


def test_an_engine_that_cannot_delete_is_asked_once_and_the_rows_go() -> None:
    engines = Engines(x1=Deletion.NOT_OFFERED)
    report = clean_up(Rows(tasks=3), Files(), engines=engines)()
    assert (report.tasks, report.results, report.results_kept, engines.asked) == (3, 0, 3, ["x1"])
    engines.known = False
    assert clean_up(Rows(tasks=2), Files(), engines=engines)().results_kept == 2


def test_rows_wait_for_an_engine_that_does_not_answer_and_it_is_asked_once() -> None:
    rows, engines = Rows(tasks=3), Engines(x2=EngineUnavailable("down"))
    report = clean_up(rows, Files(), engines=engines)()
    assert (report.tasks, report.results_waiting, report.complete, rows.left) == (1, 2, False, [2, 3])
    assert engines.asked == ["x1", "x2"]
    engines.answers.clear()
    assert clean_up(rows, Files(), engines=engines)().complete
    assert rows.left == []


def test_a_load_that_the_engine_will_not_let_go_of_waits_alone() -> None:
    rows = Rows(tasks=3)
    report = clean_up(rows, Files(), engines=Engines(x2=EngineRefused("it has not ended")))()
    assert (report.tasks, report.results_waiting, rows.left) == (2, 1, [2])


def test_statistics_become_metrics_with_ages_in_seconds() -> None:
    metrics = metrics_of(Rows().statistics(NOON, NOON), NOON)
    assert metrics["OldestPendingStopSeconds"] == 86_400
    assert metrics["OldestMessageSeconds"] == 0
    assert metrics["SweepAgeSeconds"] == 40
    assert (metrics["TasksPending"], metrics["TasksRunning"], metrics["TasksOverdue"]) == (1, 2, 3)
