"""What many tests stand on: a database of each kind, migrated, and empty at the start of each test."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from alembic import command
from alembic.config import Config
from hypothesis import settings
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.transactions import SqlDatabase

from local.database_server import NoServer
from local.settings import ServerKind
from tests.factories.database_servers import SQLITE, DatabaseServers, chosen_kinds, chosen_servers, empty
from tests.factories.scripts import once_for_all_workers, run_script

# A shared or busy machine makes any single example slow; how long a test may take as a whole is pytest's to say.
settings.register_profile("tandem", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile(os.environ.get("TANDEM_HYPOTHESIS") or "tandem")

PROJECT = Path(__file__).resolve().parent.parent


LONG_MODULES = (
    "api_stack/test_schema_conformance",
    "bench/test_benches",
    "e2e/",
    "deploy/test_templates",
    "browser/test_real_run",
    "engine/test_engine_restart",
)
"""Modules of a minute and more, the longest first: begun last, one would leave the other worker idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(LONG_MODULES) if f"tests/{name}" in item.nodeid), len(LONG_MODULES))

    items.sort(key=place)


def alembic_config(url: str) -> Config:
    """Alembic's settings for a database."""
    config = Config(PROJECT / "migrations" / "alembic.ini")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


KINDS = chosen_kinds()
SERVERS = chosen_servers()
_NO_SERVER = pytest.mark.skip(reason="TANDEM_TEST_DATABASES names no server")


def each_kind(kinds: Sequence[str]) -> list[ParameterSet]:
    """Parameters of a test that takes each of these databases in turn."""
    if not kinds:
        return [pytest.param("none", marks=_NO_SERVER)]
    return [pytest.param(str(kind), marks=[] if kind == SQLITE else pytest.mark.database) for kind in kinds]


@pytest.fixture(scope="session")
def emulator_build(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All functions, built for this machine just now, once for all workers of a test run."""
    once_for_all_workers(
        tmp_path_factory, "emulator-build", lambda: run_script("scripts/build_functions.sh", "emulator")
    )


@pytest.fixture(scope="session")
def database_servers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[DatabaseServers]:
    """The servers of this session; each is started when it is first asked for."""
    servers = DatabaseServers(tmp_path_factory.mktemp("servers"), worker_id)
    yield servers
    servers.close()


class Migrated:
    """One migrated database on each server of the session."""

    def __init__(self, servers: DatabaseServers) -> None:
        self._servers = servers
        self._urls: dict[str, str] = {}

    def url(self, kind: str) -> str:
        """With the rows that the test before left."""
        if kind not in self._urls:
            try:
                # What a session that died left on a server of the user's.
                self._servers.drop(ServerKind(kind), "test")
                url = self._servers.url(ServerKind(kind), "test")
            except NoServer as reason:
                pytest.fail(str(reason), pytrace=False)
            command.upgrade(alembic_config(url), "head")
            self._urls[kind] = url
        return self._urls[kind]


@pytest.fixture(scope="session")
def migrated(database_servers: DatabaseServers) -> Migrated:
    return Migrated(database_servers)


@pytest.fixture(scope="session")
def first_server() -> ServerKind:
    """The kind of server that most tests use: MySQL, unless TANDEM_TEST_DATABASES says otherwise."""
    if not SERVERS:
        pytest.skip("TANDEM_TEST_DATABASES names no server")
    return SERVERS[0]


@pytest.fixture
def first_server_url(migrated: Migrated, first_server: ServerKind) -> str:
    """A migrated database without rows on the first server."""
    url = migrated.url(first_server)
    empty(url)
    return url


@pytest.fixture(params=each_kind(SERVERS))
def server_url(request: pytest.FixtureRequest, migrated: Migrated) -> str:
    """A migrated database without rows on each server in turn."""
    url = migrated.url(request.param)
    empty(url)
    return url


@pytest.fixture(scope="session")
def _migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.sqlite3"
    command.upgrade(alembic_config(f"sqlite:///{file}"), "head")
    return file


@pytest.fixture
def sqlite_url(_migrated_sqlite_file: Path, tmp_path: Path) -> str:
    """A migrated database without rows on SQLite."""
    file = tmp_path / "tandem.sqlite3"
    file.write_bytes(_migrated_sqlite_file.read_bytes())
    return f"sqlite:///{file}"


@pytest.fixture(params=each_kind([*SERVERS[:1], *(kind for kind in KINDS if kind == SQLITE)]))
def api_database_url_of_each_kind(request: pytest.FixtureRequest) -> str:
    """The first server's, and SQLite: the other servers are compared by the tests of the database adapter alone."""
    name = "sqlite_url" if request.param == SQLITE else "first_server_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(params=each_kind(KINDS))
def database_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    if request.param == SQLITE:
        file: str = request.getfixturevalue("sqlite_url")
        return file
    url: str = request.getfixturevalue("migrated").url(request.param)
    empty(url)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[SqlDatabase]:
    """The Database port over each kind of database in turn."""
    opened = SqlDatabase(open_engine(Connections(database_url, size=8)))
    yield opened
    opened.close()
