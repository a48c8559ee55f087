"""A private MariaDB for the tests: own data directory, own port, gone afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.database_server import DatabaseServer, ServerKind
from local.ports import choose

# What is lost in a crash of this server is nothing but a test run.
_FAST = ("--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--innodb-flush-method=nosync")


@contextmanager
def private_mariadb(directory: Path, options: Sequence[str] = ()) -> Iterator[DatabaseServer]:
    """Start a server below ``directory``, with ``options`` of its own besides; end it afterwards. Raises NoServer."""
    server = DatabaseServer(ServerKind.MARIADB, directory, choose(0, "--port"), [*_FAST, *options])
    server.start()
    try:
        yield server
    finally:
        server.close()
