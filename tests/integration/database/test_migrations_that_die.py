"""A migration that dies at any of its writes is run again and comes to the same schema and rows, from every start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.schema import AlembicSchema
from tandem.adapters.database.tables import metadata

from local.settings import PROJECT, ServerKind
from tests.conftest import SERVERS, alembic_config, each_kind
from tests.factories.database_servers import DatabaseServers
from tests.factories.original_table import OLD_ROWS, ORIGINAL_TABLE
from tests.reliability.random_lives import PROFILE

pytestmark = pytest.mark.timeout(600)

MIGRATIONS = PROJECT / "migrations"
REVISIONS = [
    revision.revision
    for revision in reversed(list(ScriptDirectory.from_config(alembic_config("sqlite://")).walk_revisions()))
]
READS = ("SELECT", "SHOW", "DESCRIBE", "SET", "EXPLAIN")
CHANGES_OF_ROWS = ("INSERT", "UPDATE", "DELETE", "REPLACE")
# A row in each table of the first revision that the original table's rows do not lead to.
FIRST_ROWS = (
    "INSERT INTO t_chaos_load_test_definition (gmt_create, gmt_modified, definition_id, user_id, namespace, name,"
    " engine_type, endpoint, entry, threads, ramp_up, properties, data_files, created_by, live) VALUES"
    " (NOW(3), NOW(3), 'd-1', 'alice', 'default', '下单', 'JMETER', 'http://h', 'URL', 1, 0, '{}', '[]', 'a', 1)",
    "INSERT INTO t_chaos_load_test_strategy (gmt_create, gmt_modified, strategy_id, user_id, namespace, enable,"
    " definition_id, experiment_id, start_before_fault_sec, traffic_duration_sec, abort_on_load_failure,"
    " stop_on_completion, gate_timeout_sec, live)"
    " VALUES (NOW(3), NOW(3), 's-1', 'alice', 'default', 1, 'd-1', 'exp-1', 0, 60, 1, 0, 60, 1)",
    "INSERT INTO t_chaos_load_test_audit (task_id, at, kind, reason) VALUES ('old-1', NOW(3), 'NOTE', 'said')",
    "INSERT INTO t_chaos_load_test_outbox (channel, topic, body, gmt_create, due_at)"
    " VALUES ('EVENT', 'LoadTestStarted', '{}', NOW(3), NOW(3))",
    "INSERT INTO t_chaos_load_test_upload (gmt_create, upload_id, user_id, namespace, kind, file_name,"
    " original_file_name, size, sha256) VALUES (NOW(3), 'u-1', 'alice', 'default', 'PLAN', 'a.jmx', 'a.jmx', 1, '')",
    "INSERT INTO t_chaos_load_test_lease (name, holder, expires_at) VALUES ('sync', 'somebody', NOW(3))",
)


class Died(Exception):
    """The process that migrated is gone, and its connection with it."""


@dataclass
class Death:
    """Dies before the ``at``-th write of an engine (from 1).

    ``committed``: what the server has of the writes before is committed, as MySQL does it at the start of a change of
    the schema; else it is rolled back, as when a connection ends.
    """

    at: int
    committed: bool = False
    writes: int = 0
    before: str = ""
    dying: str = ""

    def listen(self, engine: Engine) -> None:
        event.listen(engine, "before_cursor_execute", self._before)

    def _before(self, connection: Connection, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(READS):
            return
        self.writes += 1
        if self.writes == self.at:
            self.dying = f"{statement} {parameters}"
            server: Any = connection.connection.dbapi_connection
            if self.committed:
                server.commit()
            server._force_close()
            raise Died
        self.before = statement.lstrip().upper()


class Start:
    """A database that waits for a migration, and copies of it."""

    def __init__(self, servers: DatabaseServers, kind: ServerKind) -> None:
        self._servers = servers
        self._kind = kind
        self.url = self._made("start")
        self._admin = create_engine(self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def _made(self, name: str) -> str:
        self._servers.drop(self._kind, name)
        return self._servers.url(self._kind, name)

    def copy(self) -> str:
        """The URL of a copy that takes the place of the one before."""
        url = self._made("copy")
        target = self._servers.name("copy")
        with self._admin.connect() as connection:
            for table in inspect(connection).get_table_names():
                connection.exec_driver_sql(f"CREATE TABLE {target}.{table} LIKE {table}")
                connection.exec_driver_sql(f"INSERT INTO {target}.{table} SELECT * FROM {table}")
        return url

    def change(self, statements: Sequence[str]) -> None:
        with self._admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))

    def close(self) -> None:
        self._servers.drop(self._kind, "start")
        self._servers.drop(self._kind, "copy")


def migrate(url: str, death: Death | None = None) -> None:
    engine = open_engine(Connections(url))
    if death is not None:
        death.listen(engine)
    try:
        AlembicSchema(engine, MIGRATIONS).migrate()
    finally:
        engine.dispose()


def state(url: str) -> dict[str, tuple[str, list[str]]]:
    """The words that make each table, and its rows; but ids, of which a rollback uses up some."""
    found = {}
    with create_engine(url, poolclass=NullPool).connect() as connection:
        for name in inspect(connection).get_table_names():
            made = connection.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()[1]
            rows = connection.exec_driver_sql(f"SELECT * FROM {name}").mappings()
            kept = sorted(str({key: value for key, value in row.items() if key != "id"}) for row in rows)
            words = [word for word in made.split() if not word.startswith("AUTO_INCREMENT=")]
            found[name] = (" ".join(words), kept)
    return found


def assert_of_the_code(url: str) -> None:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def expected_of(start: Start) -> dict[str, tuple[str, list[str]]]:
    """What a migration that did not die comes to."""
    url = start.copy()
    migrate(url)
    assert_of_the_code(url)
    return state(url)


def died(url: str, death: Death) -> bool:
    """Whether the migration died, or came to its end before."""
    try:
        migrate(url, death)
    except Exception:
        # Alembic and the driver may have more to say of a connection that is gone.
        if death.writes != death.at:
            raise
        return True
    return False


def assert_a_chain_of_deaths_is_survived(start: Start) -> int:
    """Die before each write in turn, each time on what the deaths before left. Returns how many writes.

    Where the write before changes rows, one death loses it and the next one does not.
    """
    expected = expected_of(start)
    url = start.copy()
    met: set[str] = set()
    at = 1
    while died(url, death := Death(at)):
        if death.dying in met:
            # A run starts with what the run before did not come to; some repeat a change of rows besides.
            at += 1
            continue
        met.add(death.dying)
        if death.before.startswith(CHANGES_OF_ROWS):
            assert died(url, Death(at, committed=True))
        at = 2
    assert state(url) == expected
    return len(met)


def assert_each_death_is_survived(start: Start) -> int:
    """Die before each write in turn, each time on a fresh copy, and run again. Returns how many writes."""
    expected = expected_of(start)
    at = 1
    while died(url := start.copy(), death := Death(at)):
        migrate(url)
        assert state(url) == expected, f"died before write {at}, after {death.before}"
        if death.before.startswith(CHANGES_OF_ROWS):
            url = start.copy()
            assert died(url, Death(at, committed=True))
            migrate(url)
            assert state(url) == expected, f"died in write {at}, after {death.before}"
        at += 1
    return at - 1


# Minutes for each server, so in a chain unless the deep profile is wanted.
assert_any_death_is_survived = (
    assert_each_death_is_survived if PROFILE == "deep" else assert_a_chain_of_deaths_is_survived
)


@pytest.fixture(params=each_kind(SERVERS))
def start(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> Iterator[Start]:
    made = Start(database_servers, ServerKind(request.param))
    yield made
    made.close()


def test_from_nothing(start: Start) -> None:
    # A table each and its indices; each revision's row besides.
    assert assert_any_death_is_survived(start) > len(metadata.tables) + len(REVISIONS)


def test_from_the_original_table_with_its_rows(start: Start) -> None:
    start.change([ORIGINAL_TABLE, OLD_ROWS])
    assert assert_any_death_is_survived(start) > len(metadata.tables) + len(REVISIONS)


@pytest.mark.parametrize("revision", REVISIONS[:-1])
@pytest.mark.parametrize("start", each_kind(SERVERS if PROFILE == "deep" else SERVERS[:1]), indirect=True)
def test_from_each_earlier_revision_with_rows(start: Start, revision: str) -> None:
    start.change([ORIGINAL_TABLE, OLD_ROWS])
    command.upgrade(alembic_config(start.url), "0001")
    start.change(FIRST_ROWS)
    command.upgrade(alembic_config(start.url), revision)
    assert assert_any_death_is_survived(start) >= 1
