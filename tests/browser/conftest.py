"""A browser, and a local stack over a programmable engine for it to look at."""

import os
from collections.abc import Iterator

import pytest

from local.settings import Settings
from local.stack import LocalStack
from tests.browser.chromium import Browser
from tests.factories.platform import Platform
from tests.fakes.engine_traps import Traps
from tests.fakes.trap_engine import TrapEngine


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(one_browser: Browser) -> Browser:
    """A wide, light window on an empty page, with nothing remembered and nothing complained of."""
    one_browser.forget()
    one_browser.wear(1280)
    return one_browser


@pytest.fixture(scope="module")
def module_engine() -> Iterator[TrapEngine]:
    with TrapEngine(Traps(throughput=40.0, error_rate=0.06)) as engine:
        yield engine


@pytest.fixture(scope="module")
def stack(module_engine: TrapEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    settings = Settings(
        api_port=0,
        aws_port=0,
        engine_url=module_engine.url,
        start_engine=False,
        state_directory=tmp_path_factory.mktemp("state"),
        sync_seconds=2,
        variables={**os.environ, "TANDEM_START_SECONDS": "4", "TANDEM_GRACE_SECONDS": "2"},
    )
    with LocalStack(settings) as running:
        yield running


@pytest.fixture
def platform(stack: LocalStack) -> Iterator[Platform]:
    listening = Platform(stack)
    yield listening
    listening.close()
