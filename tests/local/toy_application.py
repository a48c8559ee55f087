"""A local stack over the toy application: its settings, what its functions were called with, and waiting for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local.settings import Settings

T = TypeVar("T")
TOY_TEMPLATE = Path(__file__).parent / "toy_stack" / "template.yaml"


def toy_settings(state_directory: Path, **changes: Any) -> Settings:
    """Settings of a stack over the toy application on free ports, without an engine."""
    options: dict[str, Any] = {"sync_seconds": 1, "wait_scale": 0.1, **changes}
    return Settings(
        template=TOY_TEMPLATE,
        api_port=0,
        aws_port=0,
        engine_port=0,
        start_engine=False,
        state_directory=state_directory,
        **options,
    )


def calls(kind: str) -> list[Any]:
    """What the toy functions of the running stack were called with."""
    return [seen for name, seen in list(sys.modules["toys.memory"].CALLS) if name == kind]


def wait_for(look: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """Looks until something true is seen. Fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.02)
    pytest.fail(f"not within {seconds:.0f} s: {what}")
