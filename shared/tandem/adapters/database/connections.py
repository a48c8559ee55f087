"""Engines of SQLAlchemy for the two databases, with the settings that each needs."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection

from tandem.domain.errors import DatabaseUnavailable

READ_ONLY = "tandem_read_only"
ACCESS_DENIED = 1045
"""MySQL's word for a wrong name or password."""
_NO_TLS = 2026
"""PyMySQL's word for a server that offers no TLS."""


@dataclass(frozen=True, slots=True)
class Connections:
    """``url`` as SQLAlchemy reads it; ``size`` bounds the connections; ``ca_file`` turns on TLS with that bundle.

    Without ``ca_file`` the connection is encrypted where the server can, and the server is not verified: for servers
    on this machine. ``answer_seconds``: how long one statement may take before the connection counts as lost.
    ``read_login``: name and password as they are now, for when the server does not take those of ``url`` any more.
    """

    url: str | URL
    size: int = 1
    ca_file: str | None = None
    answer_seconds: int = 20
    read_login: Callable[[], tuple[str, str]] | None = None


def open_engine(wanted: Connections) -> Engine:
    """An engine that connects when it is first used. A wait for a free connection is bounded (seconds)."""
    url = make_url(wanted.url)
    pool: dict[str, Any] = {"pool_size": wanted.size, "max_overflow": 0, "pool_timeout": 20}
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 20, "isolation_level": None}, **pool)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    patience = wanted.answer_seconds
    arguments: dict[str, Any] = {"connect_timeout": 5, "read_timeout": patience, "write_timeout": patience}
    # One context for all connections: PyMySQL would read a CA bundle, the system's for want of another, at each.
    arguments["ssl"] = _unverified() if wanted.ca_file is None else ssl.create_default_context(cafile=wanted.ca_file)
    engine = create_engine(
        url.set(drivername="mysql+pymysql", query={**url.query, "charset": "utf8mb4"}),
        # READ COMMITTED: a plain read after a locking one must not see an older snapshot.
        isolation_level="READ COMMITTED",
        # What rows hold, and passwords, stays out of the text of an error, which is logged.
        hide_parameters=True,
        pool_pre_ping=True,
        pool_recycle=300,
        connect_args=arguments,
        **pool,
    )
    event.listen(engine, "do_connect", _Login(wanted.read_login, tls_only=wanted.ca_file is not None).connect)
    logging.getLogger(f"sqlalchemy.pool.impl.{type(engine.pool).__name__}").addFilter(_nothing_of_lost_connections)
    return engine


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _nothing_of_lost_connections(record: logging.LogRecord) -> bool:
    """Whether to log it: not a traceback for each connection that a server's end took along.

    The pool meets the loss when it wants to roll back what the server has rolled back; whoever used the connection has
    met it before.
    """
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__module__ != "pymysql.err"


class _Login:
    """Connects, and when the password was changed (rotated) reads it anew and connects again, once.

    Where TLS is not asked for, a server without it is connected to as it is.
    """

    def __init__(self, read: Callable[[], tuple[str, str]] | None, *, tls_only: bool) -> None:
        self._read = read
        self._tls_only = tls_only
        self._changes: dict[str, Any] = {}

    def connect(self, dialect: Dialect, _record: object, arguments: Any, options: dict[str, Any]) -> DBAPIConnection:
        options |= self._changes
        try:
            return self._try(dialect, arguments, options)
        except dialect.loaded_dbapi.OperationalError as refusal:
            if refusal.args[0] != ACCESS_DENIED or self._read is None:
                raise
            # What is connected already stays so; only new connections ask for the password.
            user, password = self._read()
        self._changes |= {"user": user, "password": password}
        return self._try(dialect, arguments, options | self._changes)

    def _try(self, dialect: Dialect, arguments: Any, options: dict[str, Any]) -> DBAPIConnection:
        try:
            return dialect.connect(*arguments, **options)
        except dialect.loaded_dbapi.OperationalError as refusal:
            if refusal.args[0] != _NO_TLS or self._tls_only:
                raise
        except RuntimeError as trouble:
            raise _unusable(trouble) from trouble
        self._changes |= {"ssl": None, "ssl_disabled": True}
        try:
            return dialect.connect(*arguments, **(options | self._changes))
        except RuntimeError as trouble:
            raise _unusable(trouble) from trouble


def _unusable(trouble: RuntimeError) -> DatabaseUnavailable:
    """PyMySQL encrypts a password for a server without TLS by a package that the functions do not have."""
    return DatabaseUnavailable(
        "the database server offers no TLS, without which its users' passwords cannot be sent to it: switch TLS on "
        f"at the server, or install the package `cryptography` ({trouble})"
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # SQLite drops FOR UPDATE silently; taking the write lock at the start has the same effect.
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
