"""A private MariaDB for the tests: own data directory, own port, gone afterwards."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

READY_SECONDS = 30
HOW_TO_HAVE_ONE = (
    "The tests need a MySQL-compatible server: install Debian's mariadb-server-core and mariadb-client-core, or point "
    "TANDEM_TEST_DATABASE_URL at an empty database, such as mysql+pymysql://user:password@127.0.0.1:3306/tandem_test"
)


class NoServer(Exception):
    """There is no server to test against; the message says how to have one."""


@contextmanager
def private_mariadb(directory: Path) -> Iterator[str]:
    """Start a server below ``directory`` and give the URL of an empty database on it; end it afterwards."""
    server, installer = _program("mariadbd"), _program("mariadb-install-db")
    data = directory / "data"
    subprocess.run(
        [
            installer,
            "--no-defaults",
            "--user=root",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        check=True,
        capture_output=True,
    )
    port = _free_port()
    process = subprocess.Popen(
        [
            server,
            "--no-defaults",
            "--user=root",
            f"--datadir={data}",
            f"--socket={directory / 's'}",
            # A server that starts removes what it takes for its own leftovers there: another's tables of that moment.
            f"--tmpdir={directory}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            # What is lost in a crash of this server is nothing but a test run.
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-innodb-doublewrite",
        ],
        stdout=subprocess.DEVNULL,
        stderr=(directory / "server.log").open("wb"),
    )
    try:
        address = f"mysql+pymysql://root@127.0.0.1:{port}"
        _create_database(address, process)
        yield f"{address}/tandem_test"
    finally:
        process.terminate()
        process.wait(20)


def _program(name: str) -> str:
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=search)
    if found is None:
        raise NoServer(HOW_TO_HAVE_ONE)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _create_database(address: str, process: subprocess.Popen[bytes]) -> None:
    engine = create_engine(address, poolclass=NullPool)
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE DATABASE tandem_test CHARACTER SET utf8mb4")
        except OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
