"""What the clean-up deletes and what it must not, on each kind of database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tandem.adapters.database.housekeeping import SqlHousekeeping
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.definition import Entry
from tandem.domain.engine_state import StopReason
from tandem.domain.experiment_run import ExperimentRun, Outcome, RunPlan
from tandem.domain.ports import UnitOfWork
from tandem.domain.task import TaskStatus
from tandem.domain.upload import Upload, UploadKind

from tests.factories.experiments import NOON, OWNER, definition, run, seconds_after_noon, started_run, strategy

MUCH_LATER = NOON + timedelta(days=31)


@pytest.fixture
def housekeeping(database: SqlDatabase) -> SqlHousekeeping:
    return SqlHousekeeping(database)


def keep(database: SqlDatabase, *runs: ExperimentRun) -> None:
    def add(uow: UnitOfWork) -> None:
        for each in runs:
            uow.runs.add(each)

    database.write(add)


def ended(number: int) -> ExperimentRun:
    over = run(task_id=f"ldtask_{number}", experiment_task_id=f"et-{number}")
    over.finish(Outcome.STOPPED, None, seconds_after_noon(30))
    assert over.settled
    return over


def upload(name: str, created_at: datetime = NOON) -> Upload:
    return Upload(f"upload_{name}", OWNER, UploadKind.PLAN, "plan.jmx", "plan.jmx", 3, "00" * 32, created_at)


def test_ended_tasks_past_the_retention_go_with_their_story_in_batches(
    database: SqlDatabase, housekeeping: SqlHousekeeping
) -> None:
    keep(database, *[ended(number) for number in range(5)])
    assert [housekeeping.delete_tasks(MUCH_LATER, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert database.read(lambda uow: uow.runs.get("et-0")) is None
    assert database.read(lambda uow: uow.audit.of_task("ldtask_0")) == []


def test_a_task_within_the_retention_stays(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    keep(database, ended(1))
    assert housekeeping.delete_tasks(NOON, 10) == 0


def test_an_active_task_is_never_deleted_however_old(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    keep(database, run(), started_run(task_id="ldtask_2", experiment_task_id="et-2"))
    assert housekeeping.delete_tasks(MUCH_LATER, 10) == 0


def test_an_ended_task_whose_stop_is_not_confirmed_stays(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    stopping = started_run()
    stopping.request_stop(StopReason.USER, "enough", seconds_after_noon(5))
    stopping.end_task(TaskStatus.STOPPED, "stopped", seconds_after_noon(6))
    assert stopping.stop_pending
    keep(database, stopping)
    assert housekeeping.delete_tasks(MUCH_LATER, 10) == 0


def test_a_finish_that_came_first_is_forgotten_and_a_run_with_a_task_is_not(
    database: SqlDatabase, housekeeping: SqlHousekeeping
) -> None:
    early = ExperimentRun(experiment_task_id="et-early", created_at=NOON)
    early.finish(Outcome.SUCCEEDED, None, NOON)
    keep(database, early, run())
    assert housekeeping.forget_finishes(NOON, 10) == 0
    assert housekeeping.forget_finishes(NOON + timedelta(seconds=1), 10) == 1
    assert database.read(lambda uow: uow.runs.get("et-1")) is not None


def test_only_uploads_that_nobody_uses_are_deleted(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    uploads = {name: upload(name) for name in ("plan", "data", "running", "unused", "of_deleted")}
    uploads["young"] = upload("young", MUCH_LATER)
    in_use = definition(
        entry=Entry.JMX, url_case=None, content_ref=uploads["plan"].path, data_files=(uploads["data"].path,)
    )
    deleted = definition(
        definition_id="ldef_2", name="gone", entry=Entry.JMX, url_case=None, content_ref=uploads["of_deleted"].path
    )
    active = ExperimentRun(experiment_task_id="et-9", created_at=NOON, owner=OWNER, experiment_id="exp-1")
    changed_since = replace(in_use, content_ref=uploads["running"].path, data_files=())
    active.create_task("ldtask_9", RunPlan(strategy(), changed_since), NOON, NOON)

    def add(uow: UnitOfWork) -> None:
        for each in uploads.values():
            uow.uploads.add(each)
        uow.definitions.add(in_use)
        uow.definitions.add(deleted)
        uow.definitions.delete(deleted.definition_id, NOON)
        uow.runs.add(active)

    database.write(add)
    assert housekeeping.delete_unused_uploads(MUCH_LATER, 0, 100) == (2, None)
    left = housekeeping.known_uploads([each.upload_id for each in uploads.values()])
    assert left == {"upload_plan", "upload_data", "upload_running", "upload_young"}


def test_looking_at_uploads_goes_on_behind_the_last_one(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    def add(uow: UnitOfWork) -> None:
        for number in range(3):
            uow.uploads.add(upload(str(number)))

    database.write(add)
    deleted, after = housekeeping.delete_unused_uploads(MUCH_LATER, 0, 2)
    assert deleted == 2
    assert after is not None
    assert housekeeping.delete_unused_uploads(MUCH_LATER, after, 2) == (1, None)


def test_statistics_count_what_alarms_rest_on(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    running = started_run(task_id="ldtask_2", experiment_task_id="et-2")
    stopping = started_run(task_id="ldtask_3", experiment_task_id="et-3")
    stopping.request_stop(StopReason.USER, "enough", seconds_after_noon(5))
    keep(database, run(), running, stopping, ended(4))
    assert running.deadline is not None
    calm = housekeeping.statistics(NOON, running.deadline)
    assert (calm.tasks_pending, calm.tasks_running, calm.tasks_overdue) == (1, 2, 0)
    assert (calm.stops_pending, calm.oldest_pending_stop) == (1, seconds_after_noon(5))
    assert calm.messages_waiting > 0
    assert calm.oldest_message is not None
    assert calm.oldest_message.tzinfo is UTC
    assert calm.database_bytes > 10_000
    late = housekeeping.statistics(NOON, running.deadline + timedelta(seconds=1))
    assert late.tasks_overdue == 2


def test_an_empty_database_has_nothing_to_count_and_nothing_to_delete(housekeeping: SqlHousekeeping) -> None:
    found = housekeeping.statistics(NOON, NOON)
    assert (found.tasks_pending, found.stops_pending, found.oldest_pending_stop, found.oldest_message) == (
        0,
        0,
        None,
        None,
    )
    assert housekeeping.delete_tasks(MUCH_LATER, 10) == 0
    assert housekeeping.delete_unused_uploads(MUCH_LATER, 0, 10) == (0, None)
    assert housekeeping.known_uploads([]) == set()
