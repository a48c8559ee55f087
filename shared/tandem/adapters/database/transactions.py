"""Transactions that are tried again where that is safe, and the one place that wraps the driver's errors."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tandem.adapters.database.announcements import SqlAnnouncements
from tandem.adapters.database.audit import SqlAudit
from tandem.adapters.database.connections import ACCESS_DENIED, READ_ONLY
from tandem.adapters.database.definitions import SqlDefinitions
from tandem.adapters.database.engines import SqlEngines
from tandem.adapters.database.leases import SqlLeases
from tandem.adapters.database.outbox import SqlOutbox
from tandem.adapters.database.runs import RowChanged, SqlRuns
from tandem.adapters.database.strategies import SqlStrategies
from tandem.adapters.database.task_counts import SqlTaskCounts
from tandem.adapters.database.uploads import SqlUploads
from tandem.domain.errors import DatabaseUnavailable
from tandem.domain.measurements import Meter
from tandem.domain.ports import UnitOfWork

T = TypeVar("T")

ATTEMPTS = 4

_DEADLOCK, _LOCK_WAIT = 1213, 1205
# MySQL's and PyMySQL's words for "the connection is gone" and "this server does not take writes now".
_GONE = frozenset({2003, 2006, 2013, 2014, 2055, 1040, 1053, 1077, 1079, 1129, 1152, 1158, 1160, 1161, 1927, 4031, 0})
# Of servers that are there and cannot serve: out of disk (1021, 1114), memory (1037, 1041) or threads (1135), the
# user's limits (1203, 1226), account (3118, MariaDB 4151) or password (1820, 1862), no TLS (2026), a statement's time
# limit (3024, MariaDB 1969), offline_mode (3032), a commit that the group did not take (3100, 3101).
_UNFIT = frozenset(
    {1021, 1037, 1041, 1114, 1135, 1203, 1226, 1820, 1862, 1969, 2026, 3024, 3032, 3100, 3101, 3118, 4151}
)
_READ_ONLY = frozenset({1290, 1792, 1836})
_SQLITE_OUTAGES = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_READONLY", "SQLITE_CANTOPEN")


class SqlUnitOfWork:
    """The repositories over one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self.runs = SqlRuns(connection)
        self.definitions = SqlDefinitions(connection)
        self.strategies = SqlStrategies(connection)
        self.uploads = SqlUploads(connection)
        self.audit = SqlAudit(connection)
        self.statistics = SqlTaskCounts(connection)
        self.outbox = SqlOutbox(connection)
        self.leases = SqlLeases(connection)
        self.engines = SqlEngines(connection)
        self.announcements = SqlAnnouncements(connection)


class SqlDatabase:
    """The Database port over an engine. What runs measured goes to the meter once its transaction has committed."""

    def __init__(self, engine: Engine, sleep: Callable[[float], None] = time.sleep, meter: Meter | None = None) -> None:
        self._engine = engine
        self._meter = meter
        self._sleep = sleep
        self._one_writer = threading.Lock() if engine.dialect.name == "sqlite" else None

    def write(self, work: Callable[[UnitOfWork], T]) -> T:
        def unit(connection: Connection) -> tuple[T, SqlUnitOfWork]:
            uow = SqlUnitOfWork(connection)
            return work(uow), uow

        result, committed = self.transact(unit)
        if self._meter is not None:
            # Dying here loses a measurement; one told before the commit could be of something that never happened.
            for measured in committed.runs.measured:
                self._meter.record(measured)
        return result

    def read(self, work: Callable[[UnitOfWork], T]) -> T:
        return self.transact(lambda connection: work(SqlUnitOfWork(connection)), read_only=True)

    def ping(self) -> None:
        """Ask the server for nothing. Raises DatabaseUnavailable."""
        with outages_wrapped(), self._engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")

    def close(self) -> None:
        """Close the connections that are idle."""
        self._engine.dispose()

    def transact(self, work: Callable[[Connection], T], *, read_only: bool = False) -> T:
        """Run ``work`` in a transaction on a bare connection. Raises DatabaseUnavailable."""
        for attempt in range(1, ATTEMPTS):
            try:
                return self._once(work, read_only=read_only)
            except PoolTimeout:
                # It has waited long enough.
                break
            except (DBAPIError, RowChanged) as error:
                if not _worth_another_try(error):
                    break
            # Full jitter, so that those who met once do not meet again.
            self._sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - not for secrets
        with outages_wrapped():
            return self._once(work, read_only=read_only)

    def _once(self, work: Callable[[Connection], T], *, read_only: bool) -> T:
        with ExitStack() as held:
            if self._one_writer is not None and not read_only:
                # SQLite lets one write at a time and makes the others poll for their turn, each with a connection in
                # hand; within this process they queue here instead.
                held.enter_context(self._one_writer)
            connection = held.enter_context(self._engine.connect().execution_options(**{READ_ONLY: read_only}))
            held.enter_context(connection.begin())
            return work(connection)


@contextmanager
def outages_wrapped() -> Iterator[None]:
    """The driver's words for an outage become DatabaseUnavailable; faults of ours stay as they are."""
    try:
        yield
    except (PoolTimeout, RowChanged) as error:
        raise DatabaseUnavailable("the database is too busy now; please try again") from error
    except DBAPIError as error:
        if not _is_outage(error):
            raise
        raise DatabaseUnavailable("the database cannot be reached or cannot write now; please try again") from error


def _code(error: BaseException) -> int | None:
    original = error.orig if isinstance(error, DBAPIError) else None
    first = original.args[0] if original is not None and original.args else None
    return first if isinstance(first, int) else None


def _is_outage(error: DBAPIError) -> bool:
    if error.connection_invalidated or _sqlite_unusable(error):
        return True
    # A password that is refused is one that is being rotated: in a moment secret and server agree again.
    return _code(error) in _GONE | _UNFIT | _READ_ONLY | {_DEADLOCK, _LOCK_WAIT, ACCESS_DENIED} or isinstance(
        error, IntegrityError
    )


def _sqlite_unusable(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorname", "").startswith(_SQLITE_OUTAGES)


def _worth_another_try(error: SQLAlchemyError | RowChanged) -> bool:
    """After a lost race the work sees the winner's row; after a lost connection a new one may be had.

    A commit whose answer was lost may have happened: every write of ours is a unique key or a compare-and-set, so the
    second time finds it done.
    """
    return isinstance(error, RowChanged) or (isinstance(error, DBAPIError) and _is_outage(error))
