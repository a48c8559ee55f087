"""A private MySQL for the tests: own data directory, own port, gone afterwards."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.database_server import DatabaseServer
from local.ports import choose
from local.settings import PROJECT, ServerKind

# What is lost in a crash of this server is nothing but a test run.
FAST = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--innodb-flush-method=nosync",
    "--performance-schema=OFF",
)
OTHER_OPTIONS = (
    "--default-time-zone=+08:00",
    "--collation-server=utf8mb4_bin",
    "--require-secure-transport=ON",
)
"""As the parameter group of template.yaml has it, and a time zone that is not UTC, which is all that the rows hold."""


@contextmanager
def private_mysql(directory: Path, options: Sequence[str] = ()) -> Iterator[DatabaseServer]:
    """Start a server below ``directory``; end it afterwards. Raises NoServer.

    ``options``: its own besides, and those of TANDEM_TEST_MYSQL_OPTIONS.
    """
    copy_fresh_data(directory)
    given = os.environ.get("TANDEM_TEST_MYSQL_OPTIONS", "").split()
    server = DatabaseServer(ServerKind.MYSQL, directory, choose(0, "--port"), [*FAST, *given, *options])
    server.start()
    try:
        yield server
    finally:
        server.close()


def copy_fresh_data(directory: Path) -> None:
    """A data directory without users' data: to make it takes 3 s, to copy it 0.1 s, and each worker wants one."""
    if os.environ.get("TANDEM_MYSQLD"):
        # It may be of another version next time.
        return
    place = PROJECT / ".build" / "mysql"
    template = place / "fresh"
    if place.is_dir():
        with (place / "fresh.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            DatabaseServer(ServerKind.MYSQL, template, options=FAST).initialise()
        shutil.copytree(template, directory, dirs_exist_ok=True)
