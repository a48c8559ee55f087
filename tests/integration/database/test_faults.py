"""Faults of a real server: tried again where that is safe, a clear outage where it is not, never half-written."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.errors import DatabaseUnavailable
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.ports import UnitOfWork

from tests.factories.experiments import run, seconds_after_noon

pytestmark = pytest.mark.database


@pytest.fixture
def admin(server_url: str) -> Iterator[Engine]:
    """A second way into the server, for the one who breaks things."""
    engine = create_engine(server_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    yield engine
    with engine.connect() as connection:
        connection.exec_driver_sql("SET GLOBAL read_only = 0")
    engine.dispose()


@pytest.fixture
def database(server_url: str) -> Iterator[SqlDatabase]:
    opened = SqlDatabase(open_engine(Connections(server_url, size=4)))
    yield opened
    opened.close()


def sample_seen(uow: UnitOfWork, experiment_task_id: str) -> ExperimentRun:
    locked = uow.runs.lock(experiment_task_id)
    assert locked is not None
    locked.see_first_sample(seconds_after_noon(1))
    uow.runs.save([locked])
    return locked


def kill_all_connections(admin: Engine) -> None:
    with admin.connect() as connection:
        own = connection.execute(text("SELECT CONNECTION_ID()")).scalar_one()
        listed = connection.execute(text("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE()"))
        for other in listed.scalars().all():
            if other != own:
                connection.exec_driver_sql(f"KILL CONNECTION {other}")


def test_a_connection_that_dies_between_two_statements_costs_another_try(database: SqlDatabase, admin: Engine) -> None:
    database.write(lambda uow: uow.runs.add(run()))
    tries = 0

    def work(uow: UnitOfWork) -> None:
        nonlocal tries
        tries += 1
        uow.runs.lock("et-1")
        if tries == 1:
            kill_all_connections(admin)
        sample_seen(uow, "et-1")

    database.write(work)
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert tries == 2
    assert found is not None
    assert found.load_started_at == seconds_after_noon(1)


def test_a_connection_that_died_in_the_pool_is_not_noticed_by_anybody(database: SqlDatabase, admin: Engine) -> None:
    database.write(lambda uow: uow.runs.add(run()))
    kill_all_connections(admin)
    assert database.read(lambda uow: uow.runs.get("et-1")) is not None


def test_two_that_deadlock_both_come_through(database: SqlDatabase) -> None:
    for name in ("a", "b"):
        database.write(lambda uow, name=name: uow.runs.add(run(task_id=f"ldtask_{name}", experiment_task_id=name)))  # type: ignore[misc]
    both_hold_one = threading.Barrier(2, timeout=10)
    tries = {"a": 0, "b": 0}

    def cross(first: str, second: str) -> None:
        def work(uow: UnitOfWork) -> None:
            tries[first] += 1
            uow.runs.lock(first)
            if tries[first] == 1:
                both_hold_one.wait()
            sample_seen(uow, second)

        database.write(work)

    threads = [threading.Thread(target=cross, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(tries.values()) == 3
    for name in ("a", "b"):
        found = database.read(lambda uow, name=name: uow.runs.get(name))  # type: ignore[misc]
        assert found is not None
        assert found.load_started_at is not None


def test_a_failover_to_a_read_only_server_is_an_outage_and_leaves_nothing_half_written(
    database: SqlDatabase, admin: Engine, server_url: str
) -> None:
    with admin.connect() as connection:
        # The administrator may write on a read-only server; an ordinary user, as the functions are, may not.
        connection.exec_driver_sql("DROP USER IF EXISTS tandem_functions")
        connection.exec_driver_sql("CREATE USER tandem_functions")
        connection.exec_driver_sql(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {make_url(server_url).database}.* TO tandem_functions"
        )
    ordinary = SqlDatabase(open_engine(Connections(make_url(server_url).set(username="tandem_functions", password=""))))
    ordinary.write(lambda uow: uow.runs.add(run()))
    with admin.connect() as connection:
        connection.exec_driver_sql("SET GLOBAL read_only = 1")
    with pytest.raises(DatabaseUnavailable):
        ordinary.write(lambda uow: uow.runs.add(run(task_id="ldtask_2", experiment_task_id="et-2")))
    assert ordinary.read(lambda uow: uow.runs.get("et-1")) is not None
    assert ordinary.read(lambda uow: uow.runs.get("et-2")) is None
    with admin.connect() as connection:
        connection.exec_driver_sql("SET GLOBAL read_only = 0")
    ordinary.write(lambda uow: uow.runs.add(run(task_id="ldtask_2", experiment_task_id="et-2")))
    assert ordinary.read(lambda uow: uow.runs.get("et-2")) is not None
    ordinary.close()


def test_a_lock_that_another_holds_too_long_is_an_outage_for_the_one_who_waits(server_url: str, admin: Engine) -> None:
    waiting = SqlDatabase(open_engine(Connections(server_url, answer_seconds=1)), sleep=lambda _: None)
    waiting.write(lambda uow: uow.runs.add(run()))
    with create_engine(server_url, poolclass=NullPool).begin() as holder:
        holder.execute(text("SELECT id FROM t_chaos_load_test_run WHERE experiment_task_id = 'et-1' FOR UPDATE"))
        with pytest.raises(DatabaseUnavailable):
            waiting.write(lambda uow: sample_seen(uow, "et-1"))
    found = waiting.write(lambda uow: sample_seen(uow, "et-1"))
    assert found.load_started_at == seconds_after_noon(1)
    waiting.close()


def test_a_server_that_is_not_there_is_an_outage() -> None:
    nobody = SqlDatabase(open_engine(Connections("mysql+pymysql://root@127.0.0.1:1/tandem")), sleep=lambda _: None)
    with pytest.raises(DatabaseUnavailable):
        nobody.read(lambda uow: uow.runs.get("et-1"))
    with pytest.raises(DatabaseUnavailable):
        nobody.ping()


def test_a_pool_that_stays_full_is_an_outage(sqlite_url: str) -> None:
    engine = open_engine(Connections(sqlite_url, size=1))
    engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    database = SqlDatabase(engine)
    with engine.connect(), pytest.raises(DatabaseUnavailable):
        database.read(lambda uow: uow.runs.get("et-1"))
    database.close()
