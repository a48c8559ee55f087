"""A database that is away for longer than Lambda tries an event must not cost the event."""

import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from local.stack import LocalStack
from tests.factories.platform import Platform, until
from tests.factories.stacks import stack_over
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine


@pytest.fixture
def stack(tmp_path: Path, new_database: Callable[[], str | None]) -> Iterator[tuple[LocalStack, TrapEngine]]:
    with TrapEngine(DEPLOYED) as engine, stack_over(engine.url, tmp_path, 5, new_database()) as running:
        yield running, engine


@pytest.mark.slow
def test_an_end_that_met_a_long_outage_stops_the_load_all_the_same(
    stack: tuple[LocalStack, TrapEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, engine = stack
    platform = Platform(running)
    experiment = platform.plan(traffic_duration_sec=300)
    experiment.starts()
    experiment.hears("FaultWindowOpen")

    # The stack imports the product anew: these are the classes that its functions use.
    database = import_module("tandem.adapters.database.transactions").SqlDatabase
    unavailable = import_module("tandem.domain.errors").DatabaseUnavailable
    finish = import_module("tandem.services.finish_experiment").FinishExperiment
    refused = threading.Semaphore(0)
    called = finish.__call__

    def refuse(*_: Any, **__: Any) -> None:
        raise unavailable("the server is gone")

    def note(self: Any, *arguments: Any) -> Any:
        try:
            return called(self, *arguments)
        finally:
            refused.release()

    write = database.write
    monkeypatch.setattr(database, "write", refuse)
    monkeypatch.setattr(finish, "__call__", note)
    experiment.finishes("STOPPED")
    for attempt in range(3):
        assert refused.acquire(timeout=30), f"attempt {attempt + 1} of Lambda"
    monkeypatch.setattr(database, "write", write)

    until(lambda: not engine.running(), "the end of the load", 60)
    assert experiment.reaches("STOPPED") == "STOPPED"
    platform.close()
