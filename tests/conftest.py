"""What many tests stand on: a database of each kind, migrated, and empty at the start of each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, delete
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.tables import metadata
from tandem.adapters.database.transactions import SqlDatabase

from tests.factories.mariadb import NoServer, private_mariadb
from tests.factories.scripts import once_for_all_workers, run_script

PROJECT = Path(__file__).resolve().parent.parent


def alembic_config(url: str) -> Config:
    """Alembic's settings for a database."""
    config = Config(PROJECT / "migrations" / "alembic.ini")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


@pytest.fixture(scope="session")
def emulator_build(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All functions, built for this machine just now, once for all workers of a test run."""
    once_for_all_workers(
        tmp_path_factory, "emulator-build", lambda: run_script("scripts/build_functions.sh", "emulator")
    )


@pytest.fixture(scope="session")
def mariadb_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database on a private server, or on the one that TANDEM_TEST_DATABASE_URL names."""
    given = os.environ.get("TANDEM_TEST_DATABASE_URL", "").strip()
    if given:
        yield given
        return
    try:
        with private_mariadb(tmp_path_factory.mktemp("mariadb")) as url:
            yield url
    except NoServer as reason:
        pytest.fail(str(reason), pytrace=False)


@pytest.fixture(scope="session")
def _migrated_mariadb_url(mariadb_server_url: str) -> str:
    command.upgrade(alembic_config(mariadb_server_url), "head")
    return mariadb_server_url


@pytest.fixture(scope="session")
def _migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite3"
    command.upgrade(alembic_config(f"sqlite:///{file}"), "head")
    return file


@pytest.fixture
def mariadb_url(_migrated_mariadb_url: str) -> str:
    """A migrated database without rows on MariaDB."""
    with create_engine(_migrated_mariadb_url, poolclass=NullPool).begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    return _migrated_mariadb_url


@pytest.fixture
def sqlite_url(_migrated_sqlite_file: Path, tmp_path: Path) -> str:
    """A migrated database without rows on SQLite."""
    file = tmp_path / "tandem.sqlite3"
    file.write_bytes(_migrated_sqlite_file.read_bytes())
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.database)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[SqlDatabase]:
    """The Database port over each kind of database in turn."""
    opened = SqlDatabase(open_engine(Connections(database_url, size=8)))
    yield opened
    opened.close()
