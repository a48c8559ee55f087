"""What MySQL does and MariaDB does not, on a server of these tests' own: limits, modes, and other settings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.housekeeping import SqlHousekeeping
from tandem.adapters.database.transactions import SqlDatabase, outages_wrapped
from tandem.domain.errors import DatabaseUnavailable

from local.database_server import DatabaseServer
from local.settings import PROJECT, ServerKind
from tests.conftest import SERVERS, alembic_config
from tests.factories.experiments import NOON, run
from tests.factories.mysql import OTHER_OPTIONS, private_mysql

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(ServerKind.MYSQL not in SERVERS, reason="TANDEM_TEST_DATABASES leaves MySQL out"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseServer]:
    with private_mysql(tmp_path_factory.mktemp("alone")) as started:
        command.upgrade(alembic_config(started.create_database("tandem")), "head")
        yield started


@pytest.fixture
def admin(server: DatabaseServer) -> Iterator[Engine]:
    engine = create_engine(server.url("tandem"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP USER IF EXISTS functions")
        connection.exec_driver_sql("CREATE USER functions IDENTIFIED BY 'secret'")
        connection.exec_driver_sql("GRANT SELECT, INSERT, UPDATE, DELETE ON tandem.* TO functions")
        for table in ("task", "run", "audit", "outbox"):
            connection.exec_driver_sql(f"DELETE FROM t_chaos_load_test_{table}")
    yield engine
    with engine.connect() as connection:
        connection.exec_driver_sql("SET GLOBAL offline_mode = OFF")


@pytest.fixture
def functions(server: DatabaseServer, admin: Engine) -> Iterator[SqlDatabase]:
    """The database as the functions' own user sees it."""
    url = make_url(server.url("tandem")).set(username="functions", password="secret")
    opened = SqlDatabase(open_engine(Connections(url)), sleep=lambda _: None)
    yield opened
    opened.close()


def do(admin: Engine, statement: str) -> None:
    with admin.connect() as connection:
        connection.exec_driver_sql(statement)


def ping(database: SqlDatabase) -> None:
    database.transact(lambda connection: connection.execute(text("SELECT 1")), read_only=True)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param("SET GLOBAL offline_mode = ON", "SET GLOBAL offline_mode = OFF", id="offline mode"),
        pytest.param("ALTER USER functions ACCOUNT LOCK", "ALTER USER functions ACCOUNT UNLOCK", id="a locked account"),
        pytest.param(
            "ALTER USER functions PASSWORD EXPIRE",
            "ALTER USER functions IDENTIFIED BY 'secret'",
            id="a password that has expired",
        ),
    ],
)
def test_a_server_that_does_not_serve_is_an_outage_and_is_used_again_afterwards(
    functions: SqlDatabase, admin: Engine, begin: str, end: str
) -> None:
    do(admin, begin)
    try:
        with pytest.raises(DatabaseUnavailable):
            ping(functions)
        with pytest.raises(DatabaseUnavailable):
            functions.write(lambda uow: uow.runs.add(run()))
    finally:
        do(admin, end)
    functions.write(lambda uow: uow.runs.add(run()))
    assert functions.read(lambda uow: uow.runs.get("et-1")) is not None


def test_a_user_with_too_many_connections_is_an_outage(
    server: DatabaseServer, functions: SqlDatabase, admin: Engine
) -> None:
    do(admin, "ALTER USER functions WITH MAX_USER_CONNECTIONS 1")
    url = make_url(server.url("tandem")).set(username="functions", password="secret")
    with create_engine(url, poolclass=NullPool).connect(), pytest.raises(DatabaseUnavailable):
        ping(functions)
    ping(functions)


def test_a_statement_past_the_servers_limit_is_an_outage(functions: SqlDatabase) -> None:
    def slow(connection: object) -> None:
        connection.execute(text("SELECT /*+ MAX_EXECUTION_TIME(20) */ SLEEP(1) FROM t_chaos_load_test_task"))  # type: ignore[attr-defined]

    functions.write(lambda uow: uow.runs.add(run()))
    with pytest.raises(DatabaseUnavailable):
        functions.transact(slow, read_only=True)


@pytest.mark.parametrize("code", [1021, 1037, 1041, 1114, 1135, 1203, 1862, 3100, 3101])
def test_what_cannot_be_provoked_is_an_outage_as_well(code: int) -> None:
    with pytest.raises(DatabaseUnavailable), outages_wrapped():
        raise DBAPIError("SELECT 1", None, pymysql.err.OperationalError(code, "as MySQL says it"))


def test_the_size_of_the_database_is_the_one_of_now(functions: SqlDatabase, admin: Engine) -> None:
    housekeeping = SqlHousekeeping(functions)
    before = housekeeping.statistics(NOON, NOON).database_bytes
    with admin.connect() as connection:
        connection.exec_driver_sql(
            "INSERT INTO t_chaos_load_test_audit (task_id, at, kind, reason)"
            " SELECT 't', NOW(3), 'NOTE', REPEAT('x', 9000)"
            " FROM JSON_TABLE(CONCAT('[0', REPEAT(',0', 1999), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers"
        )
        # The server recounts in the background; here now.
        connection.exec_driver_sql("ANALYZE TABLE t_chaos_load_test_audit").all()
    after = housekeeping.statistics(NOON, NOON).database_bytes
    assert before is not None
    assert after is not None
    assert after - before > 15_000_000


def test_without_tls_and_without_the_package_that_encrypts_it_is_said_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with private_mysql(tmp_path, ["--tls-version="]) as server:
        url = make_url(server.url())
        with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("CREATE USER functions IDENTIFIED BY 'secret'")
        login = url.set(username="functions", password="secret")
        trusting = SqlDatabase(open_engine(Connections(login, ca_file=_some_ca())), sleep=lambda _: None)
        with pytest.raises(DatabaseUnavailable):
            trusting.ping()
        monkeypatch.setattr("pymysql._auth._have_cryptography", False)
        bare = SqlDatabase(open_engine(Connections(login)), sleep=lambda _: None)
        with pytest.raises(DatabaseUnavailable, match="offers no TLS"):
            bare.ping()
        monkeypatch.undo()
        bare.ping()


def _some_ca() -> str:
    return str(PROJECT / "layers" / "certificates" / "rds-ca-bundle.pem")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tests_pass_on_a_server_with_other_settings(tmp_path: Path) -> None:
    modules = [
        "test_runs.py",
        "test_outbox_and_leases.py",
        "test_migrations.py::test_the_migrations_lead_to_the_tables_of_the_code",
    ]
    environment = os.environ | {
        "TANDEM_TEST_MYSQL_OPTIONS": " ".join(OTHER_OPTIONS),
        "TANDEM_TEST_DATABASES": "mysql",
        "TANDEM_TEST_DATABASE_URL": "",
    }
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    # Elsewhere than the workers' own temporary directories, which a second session would clear away.
    command_line = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [
            *command_line,
            f"--basetemp={tmp_path / 'pytest'}",
            *[f"tests/integration/database/{name}" for name in modules],
        ],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
