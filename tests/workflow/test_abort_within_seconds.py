"""An abort leaves within 15 s of the load's loss, though the schedule looks only every 30 s."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.settings import Settings
from local.stack import LocalStack
from tests.factories.platform import Platform
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine


@pytest.fixture
def seldom_swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, TrapEngine]]:
    """A stack at the schedule's own pace."""
    with TrapEngine(DEPLOYED) as engine:
        settings = Settings(
            api_port=0,
            aws_port=0,
            engine_url=engine.url,
            start_engine=False,
            state_directory=tmp_path_factory.mktemp("state"),
            sync_seconds=30,
            variables=dict(os.environ),
        )
        with LocalStack(settings) as stack:
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
