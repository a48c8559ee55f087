"""What the clean-up deletes and what it must not, on each kind of database."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tandem.adapters.database.housekeeping import SqlHousekeeping
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.definition import Entry
from tandem.domain.engine_state import StopReason
from tandem.domain.experiment_run import ExperimentRun, Outcome, RunPlan
from tandem.domain.load_engine import EngineStatus
from tandem.domain.ports import UnitOfWork
from tandem.domain.task import TaskStatus
from tandem.domain.upload import Upload, UploadKind, UploadMissing
from tandem.services.hold_uploads import hold_uploads

from tests.factories.experiments import (
    NOON,
    OWNER,
    definition,
    engine_run,
    run,
    seconds_after_noon,
    started_run,
    strategy,
)
from tests.factories.statements import counted_statements

MUCH_LATER = NOON + timedelta(days=31)


@pytest.fixture
def housekeeping(database: SqlDatabase) -> SqlHousekeeping:
    return SqlHousekeeping(database)


def keep(database: SqlDatabase, *runs: ExperimentRun) -> None:
    def add(uow: UnitOfWork) -> None:
        for each in runs:
            uow.runs.add(each)

    database.write(add)


def delete_tasks(housekeeping: SqlHousekeeping, before: datetime, limit: int) -> int:
    expired = housekeeping.expired_tasks(before, 0, limit)
    return housekeeping.delete_tasks([each.task_id for each in expired], before)


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
    assert [delete_tasks(housekeeping, MUCH_LATER, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert database.read(lambda uow: uow.runs.get("et-0")) is None
    assert database.read(lambda uow: uow.audit.of_task("ldtask_0")) == []


def test_a_task_within_the_retention_stays(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    keep(database, ended(1))
    assert delete_tasks(housekeeping, NOON, 10) == 0


def test_an_active_task_is_never_deleted_however_old(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    keep(database, run(), started_run(task_id="ldtask_2", experiment_task_id="et-2"))
    assert delete_tasks(housekeeping, MUCH_LATER, 10) == 0


def test_an_ended_task_whose_stop_is_not_confirmed_stays(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    stopping = started_run()
    stopping.request_stop(StopReason.USER, "enough", seconds_after_noon(5))
    stopping.end_task(TaskStatus.STOPPED, "stopped", seconds_after_noon(6))
    assert stopping.stop_pending
    keep(database, stopping)
    assert delete_tasks(housekeeping, MUCH_LATER, 10) == 0


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
    assert delete_tasks(housekeeping, MUCH_LATER, 10) == 0
    assert housekeeping.delete_unused_uploads(MUCH_LATER, 0, 10) == (0, None)
    assert housekeeping.known_uploads([]) == set()


def test_an_expired_task_tells_where_its_load_lies(database: SqlDatabase, housekeeping: SqlHousekeeping) -> None:
    over = started_run()
    over.learn(engine_run(EngineStatus.COMPLETED), seconds_after_noon(600), is_sweep=False)
    over.finish(Outcome.SUCCEEDED, None, seconds_after_noon(601))
    keep(database, over, ended(2))
    found = housekeeping.expired_tasks(MUCH_LATER, 0, 10)
    assert [(each.task_id, each.loads) for each in found] == [
        ("ldtask_1", (("default", "0a1b2c3d"),)),
        ("ldtask_2", ()),
    ]
    assert [each.task_id for each in housekeeping.expired_tasks(MUCH_LATER, found[0].id, 10)] == ["ldtask_2"]


def test_a_task_that_came_to_life_again_is_not_deleted_with_its_batch(
    database: SqlDatabase, housekeeping: SqlHousekeeping
) -> None:
    keep(database, started_run(), ended(2))
    assert housekeeping.delete_tasks(["ldtask_1", "ldtask_2"], MUCH_LATER) == 1
    assert database.read(lambda uow: uow.runs.get("et-1")) is not None


def test_deleted_strategies_and_definitions_go_when_nothing_names_them(
    database: SqlDatabase, housekeeping: SqlHousekeeping
) -> None:
    def add(uow: UnitOfWork) -> None:
        for name in ("1", "2", "3"):
            uow.definitions.add(definition(definition_id=f"ldef_{name}", name=name))
        for number, definition_id in ((1, "ldef_1"), (2, "ldef_2"), (3, "ldef_2")):
            uow.strategies.add(
                strategy(strategy_id=f"lstrategy_{number}", experiment_id=f"exp-{number}", definition_id=definition_id)
            )
        # lstrategy_1 has a task, lstrategy_3 lives and holds ldef_2, ldef_3 was deleted a moment ago.
        for strategy_id in ("lstrategy_1", "lstrategy_2"):
            uow.strategies.delete(strategy_id, NOON)
        for definition_id in ("ldef_1", "ldef_2"):
            uow.definitions.delete(definition_id, NOON)
        uow.definitions.delete("ldef_3", MUCH_LATER)

    database.write(add)
    keep(database, ended(1))
    assert housekeeping.purge_deleted(MUCH_LATER, 10) == 1
    assert housekeeping.purge_deleted(MUCH_LATER, 10) == 0
    assert delete_tasks(housekeeping, MUCH_LATER, 10) == 1
    assert housekeeping.purge_deleted(MUCH_LATER, 10) == 2


def test_an_upload_that_a_definition_is_about_to_name_is_not_taken_away(
    database: SqlDatabase, housekeeping: SqlHousekeeping
) -> None:
    plan = upload("plan")
    database.write(lambda uow: uow.uploads.add(plan))
    naming = definition(entry=Entry.JMX, url_case=None, content_ref=plan.path)
    deleted: list[int] = []
    cleaning = threading.Thread(target=lambda: deleted.append(housekeeping.delete_unused_uploads(MUCH_LATER, 0, 10)[0]))

    def name_it(uow: UnitOfWork) -> None:
        hold_uploads(uow, naming)
        cleaning.start()
        # Time for the clean-up to come as far as it can; with the upload held it can only wait.
        cleaning.join(0.3)
        uow.definitions.add(naming)

    database.write(name_it)
    cleaning.join(20)
    assert deleted == [0]
    assert housekeeping.known_uploads([plan.upload_id]) == {plan.upload_id}


def test_a_definition_that_comes_after_the_clean_up_finds_its_upload_gone(
    database: SqlDatabase, housekeeping: SqlHousekeeping
) -> None:
    plan = upload("plan")
    database.write(lambda uow: uow.uploads.add(plan))
    assert housekeeping.delete_unused_uploads(MUCH_LATER, 0, 10) == (1, None)
    naming = definition(entry=Entry.JMX, url_case=None, content_ref=plan.path)
    with pytest.raises(UploadMissing):
        database.write(lambda uow: hold_uploads(uow, naming))


def test_a_batch_costs_the_same_statements_however_large_it_is(
    database: SqlDatabase, housekeeping: SqlHousekeeping
) -> None:
    def statements_for(numbers: range) -> int:
        keep(database, *[ended(number) for number in numbers])
        with counted_statements(database._engine) as counted:
            assert delete_tasks(housekeeping, MUCH_LATER, 500) == len(numbers)
            housekeeping.purge_deleted(MUCH_LATER, 500)
        return len(counted)

    assert statements_for(range(3)) == statements_for(range(100, 160)) <= 10
