"""An abort leaves within 15 s of the load's loss, though the schedule looks only every 30 s."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.factories.platform import Platform
from tests.factories.stacks import stack_over
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine


@pytest.fixture
def seldom_swept(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str | None]
) -> Iterator[tuple[Platform, TrapEngine]]:
    """A stack at the schedule's own pace."""
    with (
        TrapEngine(DEPLOYED) as engine,
        stack_over(engine.url, tmp_path_factory.mktemp("state"), 30, new_database()) as stack,
    ):
        platform = Platform(stack)
        yield platform, engine
        platform.close()


@pytest.mark.slow
def test_a_load_that_dies_during_the_fault_asks_for_the_abort_within_15_s(
    seldom_swept: tuple[Platform, TrapEngine],
) -> None:
    platform, engine = seldom_swept
    experiment = platform.plan(abort_on_load_failure=True, traffic_duration_sec=300)
    experiment.starts()
    experiment.hears("FaultWindowOpen")
    [execution_id] = engine.running()
    died = time.monotonic()
    engine.set_traps_for(execution_id, replace(DEPLOYED, dies_after_seconds=0))
    experiment.hears("ExperimentAbortRequested", seconds=20)
    assert time.monotonic() - died < 15
    assert experiment.settles().started_task.status == "FAILED"
