"""The schema's migrations, on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.tables import metadata
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.identity import Owner
from tandem.domain.ports import TaskKey
from tandem.domain.task import TaskStatus

from local.settings import ServerKind
from tests.conftest import KINDS, SERVERS, alembic_config, each_kind
from tests.factories.database_servers import SQLITE, DatabaseServers
from tests.factories.original_table import OLD_ROWS, ORIGINAL_TABLE

COLUMNS = """
SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLUMN_COMMENT FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't_chaos_load_test_task' ORDER BY ORDINAL_POSITION
"""
COLLATION = """
SELECT TABLE_COLLATION FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't_chaos_load_test_task'
"""


@pytest.fixture(params=each_kind(KINDS))
def empty_url(request: pytest.FixtureRequest, tmp_path: Path, database_servers: DatabaseServers) -> Iterator[str]:
    """A database without tables."""
    if request.param == SQLITE:
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    with database_servers.fresh(ServerKind(request.param), "migrations") as url:
        yield url


@pytest.fixture(params=each_kind(SERVERS))
def empty_server_url(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> Iterator[str]:
    """A database without tables on each server in turn."""
    with database_servers.fresh(ServerKind(request.param), "migrations") as url:
        yield url


def engine_of(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


def test_the_migrations_lead_to_the_tables_of_the_code(empty_url: str) -> None:
    command.upgrade(alembic_config(empty_url), "head")
    with engine_of(empty_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_can_be_taken_back_and_done_again(empty_url: str) -> None:
    config = alembic_config(empty_url)
    command.upgrade(config, "head")
    command.downgrade(config, "base")
    assert inspect(engine_of(empty_url)).get_table_names() == ["alembic_version"]
    command.upgrade(config, "head")
    assert set(metadata.tables) <= set(inspect(engine_of(empty_url)).get_table_names())


def test_the_task_table_is_the_one_of_the_requirements(empty_server_url: str) -> None:
    with engine_of(empty_server_url).begin() as connection:
        connection.exec_driver_sql(ORIGINAL_TABLE)
        theirs = connection.exec_driver_sql(COLUMNS).all()
        connection.exec_driver_sql("DROP TABLE t_chaos_load_test_task")
    command.upgrade(alembic_config(empty_server_url), "head")
    with engine_of(empty_server_url).connect() as connection:
        assert connection.exec_driver_sql(COLUMNS).all() == theirs


def test_a_database_that_holds_the_original_table_keeps_its_rows(empty_server_url: str) -> None:
    url = empty_server_url
    with engine_of(url).begin() as connection:
        connection.exec_driver_sql(ORIGINAL_TABLE)
        theirs = connection.exec_driver_sql(COLUMNS).all()
        connection.exec_driver_sql(OLD_ROWS)
    command.upgrade(alembic_config(url), "head")
    with engine_of(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
        assert connection.exec_driver_sql(COLUMNS).all() == theirs
        assert connection.exec_driver_sql(COLLATION).scalar_one() == "utf8mb4_bin"
    database = SqlDatabase(open_engine(Connections(url)))
    alice = Owner("alice", "default")
    by_experiment = database.read(lambda uow: uow.runs.find(alice, TaskKey(experiment_task_id="et-old")))
    by_task = database.read(lambda uow: uow.runs.find(alice, TaskKey(task_id="old-1")))
    active = database.read(lambda uow: uow.runs.unsettled(10))
    database.close()
    assert by_experiment is not None
    assert by_experiment.started_task.task_id == "old-2"
    assert by_task is not None
    assert by_task.started_task.status is TaskStatus.SUCCEEDED
    assert [run.task_id for run in active] == ["old-2"]
    assert active[0].deadline is not None
    command.downgrade(alembic_config(url), "base")
    with engine_of(url).connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM t_chaos_load_test_task")).scalar_one() == 2


def test_an_error_message_that_the_first_release_had_widened_is_a_text_again(empty_server_url: str) -> None:
    with engine_of(empty_server_url).begin() as connection:
        connection.exec_driver_sql(ORIGINAL_TABLE)
    command.upgrade(alembic_config(empty_server_url), "0007")
    with engine_of(empty_server_url).begin() as connection:
        # What CONVERT and MODIFY in one statement came to on MySQL.
        connection.exec_driver_sql(
            "ALTER TABLE t_chaos_load_test_task MODIFY error_message MEDIUMTEXT CHARACTER SET utf8mb4 "
            "COLLATE utf8mb4_bin COMMENT '错误信息'"
        )
        connection.exec_driver_sql(OLD_ROWS)
        connection.exec_driver_sql("UPDATE t_chaos_load_test_task SET error_message = '断了'")
    command.upgrade(alembic_config(empty_server_url), "head")
    with engine_of(empty_server_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
        kept = connection.exec_driver_sql("SELECT error_message FROM t_chaos_load_test_task").scalars().all()
    assert kept == ["断了", "断了"]
