"""A browser, and a local stack over a programmable engine for it to look at."""

import os
from collections.abc import Iterator

import pytest

from local.stack import LocalStack
from tests.browser.chromium import Browser
from tests.factories.platform import Platform
from tests.factories.stacks import stack_over
from tests.fakes.engine_traps import Traps
from tests.fakes.trap_engine import TrapEngine


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if os.environ.get("TANDEM_TEST_BROWSER") == "no":
        pytest.skip("TANDEM_TEST_BROWSER=no: no browser on this machine")
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(one_browser: Browser) -> Browser:
    """A wide, light window on an empty page, with nothing remembered and nothing complained of."""
    one_browser.forget()
    one_browser.wear(1280)
    return one_browser


TRAPS = Traps(throughput=40.0, error_rate=0.06)


@pytest.fixture(scope="module")
def module_engine() -> Iterator[TrapEngine]:
    with TrapEngine(TRAPS) as engine:
        yield engine


@pytest.fixture(scope="module")
def second_engine() -> Iterator[TrapEngine]:
    with TrapEngine(TRAPS) as engine:
        yield engine


@pytest.fixture(scope="module")
def stack(
    module_engine: TrapEngine, second_engine: TrapEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalStack]:
    """Two engines, ``default`` and ``second``."""
    variables = {
        "TANDEM_START_SECONDS": "4",
        "TANDEM_GRACE_SECONDS": "2",
        "TANDEM_ENGINES": f"second={second_engine.url}",
    }
    with stack_over(module_engine.url, tmp_path_factory.mktemp("state"), 2, **variables) as running:
        yield running


@pytest.fixture
def platform(stack: LocalStack) -> Iterator[Platform]:
    listening = Platform(stack)
    yield listening
    listening.close()
