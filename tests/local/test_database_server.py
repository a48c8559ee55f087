"""The database server of a local stack: made once, there again with its data, gone with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from local.database_server import DatabaseServer, NoServer
from local.demo.children import Child
from local.demo.failure import DemoFailure
from local.demo.stage import Stage
from local.errors import StackError
from local.settings import PROJECT, ServerKind, Settings
from local.stack import LocalStack
from tests.conftest import SERVERS, each_kind
from tests.factories import mariadb, mysql
from tests.factories.platform import until
from tests.local.toy_application import toy_settings

pytestmark = pytest.mark.database

START = """
import sys, time
from pathlib import Path
from local.demo.children import Child
from local.demo.failure import DemoFailure
from local.demo.stage import Stage
from local.database_server import DatabaseServer
from local.settings import ServerKind
server = DatabaseServer(ServerKind(sys.argv[1]), Path(sys.argv[2]))
server.start()
print(server.create_database("tandem"), flush=True)
time.sleep(600)
"""


FAST = {ServerKind.MYSQL: mysql.FAST, ServerKind.MARIADB: mariadb.FAST}


def prepared(kind: ServerKind, directory: Path) -> Path:
    """A directory for a server, with a data directory in it where that takes long to make."""
    if kind is ServerKind.MYSQL:
        mysql.copy_fresh_data(directory)
    return directory


def answers(url: str) -> bool:
    try:
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return bool(connection.scalar(text("SELECT 1")) == 1)
    except OperationalError:
        return False


@pytest.fixture(params=each_kind(SERVERS))
def kind(request: pytest.FixtureRequest) -> ServerKind:
    return ServerKind(request.param)


def test_what_was_written_is_there_when_it_is_started_again_and_only_this_user_can_come_in(
    kind: ServerKind, tmp_path: Path
) -> None:
    first = DatabaseServer(kind, tmp_path / "server", options=FAST[kind])
    first.start()
    url = first.create_database("tandem")
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (word VARCHAR(10))")
        connection.exec_driver_sql("INSERT INTO kept VALUES ('压测')")
    assert (tmp_path / "server").stat().st_mode & 0o077 == 0
    first.close()
    assert not answers(url)
    second = DatabaseServer(kind, tmp_path / "server", options=FAST[kind])
    second.start()
    try:
        with create_engine(second.create_database("tandem"), poolclass=NullPool).connect() as connection:
            assert connection.exec_driver_sql("SELECT word FROM kept").scalar_one() == "压测"
            assert connection.exec_driver_sql("SELECT @@skip_networking").scalar_one() == 1
    finally:
        second.close()


def test_it_ends_with_a_parent_that_is_killed(kind: ServerKind, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", START, kind, str(prepared(kind, tmp_path / "server"))],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert answers(url)
        parent.send_signal(signal.SIGKILL)
    until(lambda: not answers(url), "the server ends", 30)


def test_one_that_cannot_start_says_where_its_log_is(kind: ServerKind, tmp_path: Path) -> None:
    server = DatabaseServer(kind, prepared(kind, tmp_path / "server"), options=["--no-such-option"])
    began = time.monotonic()
    with pytest.raises(NoServer, match=r"server\.log"):
        server.start()
    assert time.monotonic() - began < 60
    assert "no-such-option" in server.log.read_text(errors="replace")


def test_a_program_that_is_not_there_is_said_with_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_MYSQLD", str(tmp_path / "mysqld"))
    with pytest.raises(NoServer, match=r"need_mysql\.sh"):
        DatabaseServer(ServerKind.MYSQL, tmp_path / "server").start()


def test_a_url_and_a_server_are_two_databases(tmp_path: Path) -> None:
    settings = toy_settings(tmp_path, database_url="sqlite://", database_server=ServerKind.MYSQL)
    with pytest.raises(StackError, match="two databases"):
        LocalStack(settings).start()


def test_the_demo_hands_the_choice_on_to_its_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def note(self: Child, name: str, command: list[str], *_rest: object) -> None:
        commands.append(command)
        raise DemoFailure("far enough")

    monkeypatch.setattr(Child, "__init__", note)
    stage = Stage(Settings(state_directory=tmp_path, database_server=ServerKind.MYSQL), "http://127.0.0.1:9")
    with pytest.raises(DemoFailure, match="far enough"):
        stage._start_stack()
    assert commands[0][-2:] == ["--database", "mysql"]
