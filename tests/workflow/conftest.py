"""The real state machine file on the local stack, over a programmable engine; waits and retries run faster."""

from collections.abc import Iterator

import pytest

from local.stack import LocalStack
from tests.factories.platform import Platform
from tests.factories.stacks import stack_over
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine


@pytest.fixture(scope="module")
def module_engine() -> Iterator[TrapEngine]:
    with TrapEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def stack(module_engine: TrapEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    limits = {"TANDEM_START_SECONDS": "4", "TANDEM_GRACE_SECONDS": "2"}
    with stack_over(module_engine.url, tmp_path_factory.mktemp("state"), 2, **limits) as running:
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
