"""The schema, brought up to date by Alembic under an advisory lock."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from tandem.adapters.database.transactions import outages_wrapped
from tandem.domain.errors import DatabaseUnavailable
from tandem.domain.housekeeping import SchemaChange

LOCK_NAME = "tandem_schema"
LOCK_SECONDS = 600
_PATIENCE = 10
"""Seconds that one GET_LOCK waits: less than the driver's own time limit."""


class AlembicSchema:
    """The Schema port. ``directory`` holds alembic.ini and the migrations."""

    def __init__(self, engine: Engine, directory: Path, lock_seconds: float = LOCK_SECONDS) -> None:
        self._engine = engine
        self._directory = directory
        self._lock_seconds = lock_seconds

    def migrate(self) -> SchemaChange:
        """Whoever comes second waits for the first, and then finds nothing to do. Raises DatabaseUnavailable."""
        from alembic import command
        from alembic.config import Config
        from alembic.runtime.migration import MigrationContext

        config = Config(self._directory / "alembic.ini")
        with (
            outages_wrapped(),
            self._engine.connect() as connection,
            _locked(connection, self._lock_seconds),
        ):
            before = MigrationContext.configure(connection).get_current_revision()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            after = MigrationContext.configure(connection).get_current_revision()
            connection.commit()
            return SchemaChange(before, after)


@contextmanager
def _locked(connection: Connection, seconds: float) -> Iterator[None]:
    """Hold MySQL's advisory lock; it ends with the connection, so a caller that dies leaves none behind.

    SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    deadline = time.monotonic() + seconds
    while connection.scalar(text("SELECT GET_LOCK(:name, :wait)"), {"name": LOCK_NAME, "wait": _wait(deadline)}) != 1:
        if time.monotonic() >= deadline:
            raise DatabaseUnavailable(f"another migration has held the lock for {seconds:.0f} s")
    # Taking the lock has begun a transaction; Alembic wants to begin its own.
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK_NAME})
        connection.commit()


def _wait(deadline: float) -> float:
    return max(0.0, min(_PATIENCE, deadline - time.monotonic()))
