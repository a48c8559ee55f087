"""The API on the local stack, over HTTP, with a programmable engine."""

import os
from collections.abc import Iterator

import pytest

from local.settings import Settings
from local.stack import LocalStack
from tests.fakes.trap_engine import TrapEngine


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with TrapEngine() as engine:
        settings = Settings(
            api_port=0,
            aws_port=0,
            engine_url=engine.url,
            start_engine=False,
            state_directory=tmp_path_factory.mktemp("state"),
            variables=dict(os.environ),
        )
        with LocalStack(settings) as running:
            yield running
