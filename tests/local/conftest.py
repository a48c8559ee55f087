"""One stack over the toy application for each module of tests that only look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stack import LocalStack
from tests.local.toy_application import toy_settings


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(toy_settings(tmp_path_factory.mktemp("state"))) as running:
        yield running
