"""A private MySQL or MariaDB: own data directory, own socket or port, ended with the process that started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from local.settings import PROJECT, ServerKind

_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LONGEST_SOCKET = 100
"""Characters; the system allows 107."""
_INITIALISED = "initialised"


class NoServer(Exception):
    """The server is not on this machine, or does not start; the message says how to have one."""


class DatabaseServer:
    """Keeps its data below ``directory``, where it goes on the next time.

    ``port``: on 127.0.0.1, for root without a password; None: a socket that only this user can open. ``options`` are
    the server's own. The thread that starts it has to live as long: Linux ends the server with that thread.
    """

    def __init__(self, kind: ServerKind, directory: Path, port: int | None = None, options: Sequence[str] = ()) -> None:
        self._kind = kind
        self._directory = directory
        self._port = port
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_directory: Path | None = None
        self._socket = directory / "socket"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._directory / "server.log"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def url(self, database: str = "") -> str:
        """The URL of one of its databases, as SQLAlchemy reads it."""
        place: dict[str, str] = {} if self._port else {"unix_socket": str(self._socket)}
        host = "127.0.0.1" if self._port else "localhost"
        url = URL.create("mysql+pymysql", "root", None, host, self._port, database or None, place)
        return url.render_as_string(hide_password=False)

    def initialise(self) -> None:
        """Make the data directory, unless it is there. One that died half way is made again. Raises NoServer."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        if (self._directory / _INITIALISED).exists():
            return
        shutil.rmtree(self._directory / "data", ignore_errors=True)
        if self._kind is ServerKind.MYSQL:
            command = [*self._command(), *self._options, "--initialize-insecure"]
        else:
            command = [
                _on_path("mariadb-install-db"),
                *self._command()[1:],
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ]
        with self.log.open("ab") as log:
            done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if done.returncode != 0:
            raise NoServer(f"{self._kind} cannot make its data directory; {self.log} says why")
        (self._directory / _INITIALISED).touch()

    def start(self) -> None:
        """Returns when it answers. Raises NoServer."""
        self.initialise()
        if self._port is None and len(os.fsencode(self._socket)) > _LONGEST_SOCKET:
            self._socket_directory = Path(tempfile.mkdtemp(prefix="tandem-"))
            self._socket = self._socket_directory / "socket"
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches us alone, and we end the server in its turn.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "local.until_parent_ends", str(os.getpid())),
                    *self._command(),
                    f"--socket={self._socket}",
                    f"--pid-file={self._directory / 'pid'}",
                    *(self._place()),
                    *self._options,
                ],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._await()
        except BaseException:
            self.close()
            raise

    def create_database(self, name: str) -> str:
        """Make it unless it is there; its URL."""
        engine = create_engine(self.url(), poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4")
        return self.url(name)

    def close(self) -> None:
        """End it; it writes to disk what it has to."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._socket_directory is not None:
            shutil.rmtree(self._socket_directory, ignore_errors=True)

    def _command(self) -> list[str]:
        program = mysql_program() if self._kind is ServerKind.MYSQL else _on_path("mariadbd")
        return [
            program,
            "--no-defaults",
            # Where root starts it, it stays root's: the directory belongs to nobody else.
            *(["--user=root"] if os.geteuid() == 0 else []),
            f"--datadir={self._directory / 'data'}",
            # A server that starts removes what it takes for its own leftovers there: another's tables of that moment.
            f"--tmpdir={self._directory}",
            "--character-set-server=utf8mb4",
            *(
                # No directory of the system's for files, and half the size on disk.
                ["--secure-file-priv=NULL", "--skip-log-bin", "--innodb-redo-log-capacity=32M", "--mysqlx=OFF"]
                if self._kind is ServerKind.MYSQL
                else []
            ),
        ]

    def _place(self) -> list[str]:
        if self._port is None:
            return ["--skip-networking"]
        return [f"--port={self._port}", "--bind-address=127.0.0.1"]

    def _await(self) -> None:
        engine = create_engine(self.url(), poolclass=NullPool)
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            with contextlib.suppress(DBAPIError), engine.connect():
                return
            if not self.running or time.monotonic() > deadline:
                raise NoServer(f"{self._kind} does not start; {self.log} says why")
            time.sleep(0.05)


def mysql_program() -> str:
    """The path of mysqld. Raises NoServer."""
    named = os.environ.get("TANDEM_MYSQLD", "").strip()
    program = Path(named) if named else PROJECT / ".build" / "mysql" / "mysqld"
    if not program.exists():
        raise NoServer(
            f"there is no MySQL at {program}: scripts/need_mysql.sh fetches one (61 MB), or TANDEM_MYSQLD names yours"
        )
    return str(program)


def _on_path(name: str) -> str:
    # Debian puts servers where an ordinary user's PATH does not look.
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=search)
    if found is None:
        raise NoServer(
            f"there is no {name} on this machine: install Debian's mariadb-server-core and mariadb-client-core"
        )
    return found
