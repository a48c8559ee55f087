"""The databases on which the system is simulated."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from tandem.adapters.database.connections import Connections, open_engine

from tests.reliability.ports import CommitFaults
from tests.reliability.system import System

NewSystem = Callable[[int], System]


def _without_waiting_for_the_disk(connection: Any, _record: object) -> None:
    """Processes are killed here, never the machine below them: a file that is not synced is as good, and faster."""
    connection.execute("PRAGMA synchronous=OFF")


@contextmanager
def _systems(url: str, *, over_http: bool = False) -> Iterator[NewSystem]:
    engine = open_engine(Connections(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _without_waiting_for_the_disk)
    faults = CommitFaults(engine)
    yield lambda seed: System(seed, engine, faults, over_http=over_http)
    engine.dispose()


@pytest.fixture
def new_system(sqlite_url: str) -> Iterator[NewSystem]:
    """Makes systems on one SQLite file, one after another, each from a seed."""
    with _systems(sqlite_url) as made:
        yield made


@pytest.fixture
def new_system_on_a_server(first_server_url: str) -> Iterator[NewSystem]:
    """The same on MySQL, or whichever server TANDEM_TEST_DATABASES names first."""
    with _systems(first_server_url) as made:
        yield made


@pytest.fixture
def new_system_over_http(sqlite_url: str) -> Iterator[NewSystem]:
    """The same with an engine that is asked over real HTTP."""
    with _systems(sqlite_url, over_http=True) as made:
        yield made
