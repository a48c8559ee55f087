"""The real state machine file on the local stack, over a programmable engine; waits and retries run faster."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from local.stack import LocalStack
from tests.conftest import SERVERS
from tests.factories.database_servers import DatabaseServers
from tests.factories.platform import Platform
from tests.factories.stacks import stack_over
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine


@pytest.fixture(scope="module")
def module_engine() -> Iterator[TrapEngine]:
    with TrapEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def new_database(database_servers: DatabaseServers) -> Callable[[], str | None]:
    """Makes an empty database on MySQL, or on the first server that the tests use, for a stack of its own."""
    numbers = itertools.count(1)

    def make() -> str | None:
        if not SERVERS:
            # TANDEM_TEST_DATABASES=sqlite: the stack makes its own.
            return None
        name = f"stack_{next(numbers)}"
        database_servers.drop(SERVERS[0], name)
        return database_servers.url(SERVERS[0], name)

    return make


@pytest.fixture(scope="module")
def stack(
    module_engine: TrapEngine, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str | None]
) -> Iterator[LocalStack]:
    limits = {"TANDEM_START_SECONDS": "4", "TANDEM_GRACE_SECONDS": "2"}
    with stack_over(module_engine.url, tmp_path_factory.mktemp("state"), 2, new_database(), **limits) as running:
        yield running


@pytest.fixture
def engine(module_engine: TrapEngine) -> TrapEngine:
    """The engine without faults, and with the deployed engine's habits."""
    module_engine.clear_faults()
    module_engine.set_traps(DEPLOYED)
    return module_engine


@pytest.fixture
def platform(stack: LocalStack, engine: TrapEngine) -> Iterator[Platform]:
    listening = Platform(stack)
    yield listening
    listening.close()
