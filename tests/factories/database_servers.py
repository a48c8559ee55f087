"""The database servers of a test session, started when they are first needed, and the databases on them.

TANDEM_TEST_DATABASES says which kinds the tests use, the first server of them most: "mysql,mariadb,sqlite" unless set.
TANDEM_TEST_DATABASE_URL names a server of your own, which then stands for its kind; its user makes and drops databases
there. Each worker of pytest-xdist has databases of its own.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import create_engine, delete
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool
from tandem.adapters.database.tables import metadata

from local.database_server import DatabaseServer
from local.settings import ServerKind
from tests.factories.mariadb import private_mariadb
from tests.factories.mysql import private_mysql

SQLITE = "sqlite"
ALL_KINDS = (*ServerKind, SQLITE)
PRIVATE: dict[ServerKind, Callable[[Path, Sequence[str]], AbstractContextManager[DatabaseServer]]] = {
    ServerKind.MYSQL: private_mysql,
    ServerKind.MARIADB: private_mariadb,
}


def chosen_kinds() -> list[str]:
    """The kinds of databases that TANDEM_TEST_DATABASES names. Raises ValueError."""
    words = os.environ.get("TANDEM_TEST_DATABASES", "").strip() or ",".join(ALL_KINDS)
    kinds = [word.strip() for word in words.split(",") if word.strip()]
    for kind in kinds:
        if kind not in ALL_KINDS:
            raise ValueError(f"TANDEM_TEST_DATABASES: {kind!r} is none of {', '.join(ALL_KINDS)}")
    return kinds


def chosen_servers() -> list[ServerKind]:
    """Those of them that are servers, the first one first."""
    return [ServerKind(kind) for kind in chosen_kinds() if kind != SQLITE]


@contextmanager
def private_server(directory: Path) -> Iterator[DatabaseServer]:
    """A server of the kind that the tests use most, or MySQL where they use none. Raises NoServer."""
    kind = next(iter(chosen_servers()), ServerKind.MYSQL)
    with PRIVATE[kind](directory / kind, ()) as server:
        yield server


class DatabaseServers:
    """``directory`` is for their data, ``worker`` goes into the names of their databases."""

    def __init__(self, directory: Path, worker: str) -> None:
        self._directory = directory
        self._worker = worker
        self._own: dict[ServerKind, DatabaseServer] = {}
        self._given = os.environ.get("TANDEM_TEST_DATABASE_URL", "").strip()
        self._until_the_end = ExitStack()

    def url(self, kind: ServerKind, name: str) -> str:
        """A database called ``name``, empty or as it was left. Raises NoServer."""
        database = self.name(name)
        admin = create_engine(self._server_url(kind), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4")
        return make_url(self._server_url(kind)).set(database=database).render_as_string(hide_password=False)

    def name(self, name: str) -> str:
        """What a database called ``name`` is called on the servers."""
        return f"tandem_{name}_{self._worker}"

    @contextmanager
    def fresh(self, kind: ServerKind, name: str) -> Iterator[str]:
        """A database without tables, removed afterwards."""
        self.drop(kind, name)
        yield self.url(kind, name)
        self.drop(kind, name)

    def drop(self, kind: ServerKind, name: str) -> None:
        """Remove a database, if it is there."""
        admin = create_engine(self._server_url(kind), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {self.name(name)}")

    def ours(self, kind: ServerKind) -> bool:
        """Whether nobody else uses the server, so that a test may change all of it."""
        return kind is not self._given_kind

    def close(self) -> None:
        """End those that were started."""
        self._until_the_end.close()

    def _server_url(self, kind: ServerKind) -> str:
        if kind is self._given_kind:
            return self._given
        if kind not in self._own:
            private = PRIVATE[kind](self._directory / kind, ())
            self._own[kind] = self._until_the_end.enter_context(private)
        return self._own[kind].url()

    @cached_property
    def _given_kind(self) -> ServerKind | None:
        if not self._given:
            return None
        with create_engine(self._given, poolclass=NullPool).connect() as connection:
            is_mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
        return ServerKind.MARIADB if is_mariadb else ServerKind.MYSQL


def empty(url: str) -> None:
    """Remove every row from a migrated database."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
