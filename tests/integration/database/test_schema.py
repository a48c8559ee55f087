"""Migrations by the function: from nothing, again, and two at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.schema import LOCK_NAME, AlembicSchema
from tandem.adapters.database.tables import metadata
from tandem.domain.errors import DatabaseUnavailable

from local.settings import ServerKind
from tests.conftest import KINDS, each_kind
from tests.factories.database_servers import SQLITE, DatabaseServers

PROJECT = Path(__file__).resolve().parents[3]
MIGRATIONS = PROJECT / "migrations"


@pytest.fixture(params=each_kind(KINDS))
def empty(request: pytest.FixtureRequest, tmp_path: Path, database_servers: DatabaseServers) -> Iterator[Engine]:
    """A database without tables, of each kind in turn."""
    if request.param == SQLITE:
        engine = open_engine(Connections(f"sqlite:///{tmp_path / 'empty.sqlite3'}"))
        yield engine
        engine.dispose()
        return
    with database_servers.fresh(ServerKind(request.param), "empty") as url:
        engine = open_engine(Connections(url, size=3))
        yield engine
        engine.dispose()


def test_an_empty_database_gets_all_tables_and_a_second_time_changes_nothing(empty: Engine) -> None:
    first = AlembicSchema(empty, MIGRATIONS).migrate()
    second = AlembicSchema(empty, MIGRATIONS).migrate()
    assert first.before is None
    assert first.after is not None
    assert (second.before, second.after) == (first.after, first.after)
    assert set(metadata.tables) <= set(inspect(empty).get_table_names())


def test_two_migrations_at_once_take_turns(empty: Engine) -> None:
    if empty.dialect.name == "sqlite":
        pytest.skip("nobody deploys on SQLite")
    together = threading.Barrier(2)

    def migrate() -> bool:
        together.wait(10)
        return AlembicSchema(empty, MIGRATIONS).migrate().before is None

    with ThreadPoolExecutor(2) as pool:
        found_empty = [future.result(60) for future in [pool.submit(migrate), pool.submit(migrate)]]
    assert sorted(found_empty) == [False, True]


def test_a_migration_gives_up_when_another_one_keeps_the_lock(empty: Engine) -> None:
    if empty.dialect.name == "sqlite":
        pytest.skip("SQLite has no advisory lock")
    with empty.connect() as other:
        assert other.scalar(text("SELECT GET_LOCK(:name, 0)"), {"name": LOCK_NAME}) == 1
        with pytest.raises(DatabaseUnavailable, match="another migration"):
            AlembicSchema(empty, MIGRATIONS, lock_seconds=0.2).migrate()
        other.scalar(text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK_NAME})
    assert AlembicSchema(empty, MIGRATIONS).migrate().after is not None


def test_a_failed_migration_gives_the_lock_back(empty: Engine, tmp_path: Path) -> None:
    if empty.dialect.name == "sqlite":
        pytest.skip("SQLite has no advisory lock")
    (tmp_path / "versions").mkdir()
    for name in ("alembic.ini", "env.py"):
        (tmp_path / name).write_text((MIGRATIONS / name).read_text())
    (tmp_path / "versions" / "bad.py").write_text(
        "from alembic import op\nrevision = 'bad'\ndown_revision = None\n"
        "def upgrade():\n    op.execute('THIS IS NO SQL')\n"
    )
    with pytest.raises(Exception, match="THIS IS NO SQL"):
        AlembicSchema(empty, tmp_path).migrate()
    assert AlembicSchema(empty, MIGRATIONS, lock_seconds=0.2).migrate().after is not None


def test_a_server_that_is_not_there_is_said_to_be_unavailable() -> None:
    nobody = open_engine(Connections("mysql+pymysql://nobody@127.0.0.1:1/none"))
    with pytest.raises(DatabaseUnavailable):
        AlembicSchema(nobody, MIGRATIONS).migrate()
