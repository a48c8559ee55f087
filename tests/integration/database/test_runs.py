"""Experiment runs on both kinds of database: read, locked and written as one."""

import threading
from collections.abc import Iterator
from dataclasses import fields

import pytest
from sqlalchemy import Engine, select
from tandem.adapters.database import tables
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.runs import RowChanged
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import DatabaseUnavailable
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.identity import Owner
from tandem.domain.load_engine import EngineStatus
from tandem.domain.paging import PageRequest
from tandem.domain.ports import TaskFilter, TaskKey, UnitOfWork
from tandem.domain.task import TaskStatus

from tests.factories.experiments import NOON, OWNER, engine_run, open_run, run, seconds_after_noon, started_run
from tests.factories.statements import counted_statements
from tests.fakes.meter import RememberingMeter


@pytest.fixture
def sql_engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(Connections(database_url, size=8))
    yield engine
    engine.dispose()


def add(database: SqlDatabase, *runs: ExperimentRun) -> None:
    for each in runs:
        database.write(lambda uow, each=each: uow.runs.add(each))  # type: ignore[misc]


def kept(run: ExperimentRun) -> dict[str, object]:
    """What must come back from the database as it went in; the task's own times have whole seconds."""
    skipped = {"task", "audit", "messages", "measured", "loaded_status"}
    return {each.name: getattr(run, each.name) for each in fields(run) if each.name not in skipped}


def test_a_run_comes_back_as_it_went_in(database: SqlDatabase) -> None:
    opened = open_run(abort_on_load_failure=True)
    opened.wait_with("token")
    opened.request_stop(StopReason.USER, "压测 🚀", seconds_after_noon(20))
    before = kept(opened)
    add(database, opened)
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert found is not None
    assert kept(found) == before
    assert found.started_task.status is TaskStatus.RUNNING
    assert found.started_task.start_time == NOON


def test_a_text_comes_back_as_it_went_in_whatever_it_holds(database: SqlDatabase) -> None:
    """A row travels as one JSON text, which has words of its own for quotes, controls and what no plane holds."""
    odd = "".join(map(chr, range(1, 0xA1))) + '\u2028\ufeff\\u0041 \U0001f680 "}],null'
    opened = open_run()
    opened.request_stop(StopReason.USER, odd, seconds_after_noon(20))
    before = kept(opened)
    add(database, opened)
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert found is not None
    assert kept(found) == before


def test_saving_a_run_writes_its_story_and_its_messages_with_it(database: SqlDatabase, sql_engine: Engine) -> None:
    add(database, started_run())

    def end(uow: UnitOfWork) -> None:
        locked = uow.runs.lock("et-1")
        assert locked is not None
        locked.learn(engine_run(EngineStatus.FAILED, error_message="no heap"), seconds_after_noon(5), is_sweep=True)
        uow.runs.save([locked])

    database.write(end)
    story = database.read(lambda uow: uow.audit.of_task("ldtask_1"))
    assert [entry.to_status for entry in story if entry.to_status] == ["PENDING", "RUNNING", "FAILED"]
    with sql_engine.connect() as connection:
        topics = connection.execute(select(tables.outbox.c.topic).order_by(tables.outbox.c.id)).scalars().all()
    assert topics == ["LoadTestTaskStateChanged"] * 3


def test_an_error_inside_the_work_leaves_nothing_written(database: SqlDatabase) -> None:
    def broken(uow: UnitOfWork) -> None:
        uow.runs.add(run())
        raise LookupError("after the insert")

    with pytest.raises(LookupError):
        database.write(broken)
    assert database.read(lambda uow: uow.runs.get("et-1")) is None


def test_a_task_that_changed_between_read_and_write_is_not_overwritten(database: SqlDatabase) -> None:
    add(database, started_run())
    stale = database.read(lambda uow: uow.runs.get("et-1"))
    assert stale is not None

    def stop(uow: UnitOfWork) -> None:
        locked = uow.runs.lock("et-1")
        assert locked is not None
        locked.learn(engine_run(EngineStatus.COMPLETED), seconds_after_noon(70), is_sweep=True)
        uow.runs.save([locked])

    database.write(stop)
    stale.pass_deadline(seconds_after_noon(200))
    with pytest.raises((RowChanged, DatabaseUnavailable)):
        database.write(lambda uow: uow.runs.save([stale]))
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert found is not None
    assert found.started_task.status is TaskStatus.SUCCEEDED


def test_two_creations_of_one_experiment_task_give_one_run(database: SqlDatabase) -> None:
    """The loser of the race finds the winner's row when its work is done again."""
    barrier = threading.Barrier(2, timeout=10)
    tries: list[str] = []

    def create(uow: UnitOfWork, task_id: str) -> str:
        found = uow.runs.lock("et-1")
        if found is not None:
            return found.started_task.task_id
        tries.append(task_id)
        uow.runs.add(run(task_id=task_id))
        return task_id

    def race(task_id: str) -> None:
        barrier.wait()
        won.append(database.write(lambda uow: create(uow, task_id)))

    won: list[str] = []
    threads = [threading.Thread(target=race, args=(f"ldtask_{number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(won) == 2
    assert len(set(won)) == 1


def test_ids_are_compared_exactly(database: SqlDatabase) -> None:
    add(database, run(task_id="ldtask_A", experiment_task_id="et-é"))
    for other in ("ldtask_a", "ldtask_Á", "et-e", "ET-é"):
        assert database.read(lambda uow, other=other: uow.runs.find(OWNER, TaskKey(task_id=other))) is None  # type: ignore[misc]
    assert database.read(lambda uow: uow.runs.find(OWNER, TaskKey(task_id="et-é"))) is not None


@pytest.mark.parametrize("other", [Owner("Alice", "default"), Owner("alice", "Default"), Owner("bob", "default")])
def test_another_owner_finds_nothing(database: SqlDatabase, other: Owner) -> None:
    add(database, run())
    assert database.read(lambda uow: uow.runs.find(other, TaskKey(task_id="ldtask_1"))) is None
    assert database.read(lambda uow: uow.runs.page(other, TaskFilter(), PageRequest())).total == 0


def test_a_page_lists_the_newest_first(database: SqlDatabase) -> None:
    add(database, *[run(task_id=f"ldtask_{number}", experiment_task_id=f"et-{number}") for number in range(5)])
    page = database.read(lambda uow: uow.runs.page(OWNER, TaskFilter(), PageRequest(2, 2)))
    assert (page.total, page.pages) == (5, 3)
    assert [each.started_task.task_id for each in page.items] == ["ldtask_2", "ldtask_1"]
    none = database.read(lambda uow: uow.runs.page(OWNER, TaskFilter(status=TaskStatus.FAILED), PageRequest()))
    assert (none.total, none.items) == (0, [])


def test_only_what_is_not_settled_is_looked_at_by_the_sweep(database: SqlDatabase) -> None:
    ended = open_run(task_id="ldtask_ended", experiment_task_id="et-ended")
    ended.finish(Outcome.SUCCEEDED, None, seconds_after_noon(20))
    ended.learn(engine_run(EngineStatus.COMPLETED), seconds_after_noon(61), is_sweep=True)
    gated = started_run(task_id="ldtask_gated", experiment_task_id="et-gated")
    gated.fail_load(StopReason.GATE_NOT_PASSED, "no samples", seconds_after_noon(60))
    remembered = ExperimentRun(experiment_task_id="et-remembered", created_at=NOON)
    remembered.finish(Outcome.STOPPED, None, NOON)
    add(database, ended, gated, remembered, open_run(task_id="ldtask_on", experiment_task_id="et-on"))
    waiting = database.read(lambda uow: uow.runs.unsettled(10))
    assert {each.experiment_task_id for each in waiting} == {"et-gated", "et-on"}


def test_reading_a_task_takes_one_statement_and_a_page_takes_two(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    for count in (1, 20):
        add(
            database,
            *[run(task_id=f"ldtask_{count}_{each}", experiment_task_id=f"et-{count}-{each}") for each in range(count)],
        )
        with counted_statements(sql_engine) as sent:
            database.read(lambda uow: uow.runs.find(OWNER, TaskKey(task_id="ldtask_1_0")))
        assert len(sent) == 1
        with counted_statements(sql_engine) as sent:
            database.read(lambda uow: uow.runs.page(OWNER, TaskFilter(), PageRequest(1, 50)))
        assert len(sent) == 2


def test_what_was_measured_is_told_once_and_only_after_the_commit(database_url: str) -> None:
    meter = RememberingMeter()
    measuring = SqlDatabase(open_engine(Connections(database_url, size=2)), meter=meter)
    try:
        measuring.write(lambda uow: uow.runs.add(run()))
        attempts: list[int] = []
        told_before_the_commit: list[int] = []

        def accept(uow: UnitOfWork) -> None:
            locked = uow.runs.lock("et-1")
            assert locked is not None
            locked.accept_load(engine_run(), 120, seconds_after_noon(2))
            uow.runs.save([locked])
            attempts.append(1)
            if len(attempts) == 1:
                raise RowChanged
            told_before_the_commit.append(len(meter.recorded))

        measuring.write(accept)
        assert (len(attempts), told_before_the_commit) == (2, [0])
        measuring.write(accept)
        assert meter.values_of("EventToLoadSeconds") == [2]
    finally:
        measuring.close()
