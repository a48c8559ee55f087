"""A private MariaDB for the tests: own data directory, own port, gone afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.database_server import DatabaseServer
from local.ports import choose
from local.settings import ServerKind

# What is lost in a crash of this server is nothing but a test run.
FAST = ("--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--innodb-flush-method=nosync")


@contextmanager
def private_mariadb(directory: Path, options: Sequence[str] = ()) -> Iterator[DatabaseServer]:
    """Start a server below ``directory``, with ``options`` of its own besides; end it afterwards. Raises NoServer."""
    server = DatabaseServer(ServerKind.MARIADB, directory, choose(0, "--port"), [*FAST, *options])
    server.start()
    try:
        yield server
    finally:
        server.close()
