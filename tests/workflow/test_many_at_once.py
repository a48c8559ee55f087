"""Many experiments that start within a second: every one reaches its end, with one load each.

Forty, or as many as TANDEM_MANY_EXPERIMENTS says; `make reliability` takes two hundred.
"""

import logging
import os
from collections.abc import Callable, Iterator

import pytest

from local.stack import LocalStack
from tests.factories.platform import Experiment, Platform, until
from tests.factories.stacks import stack_over
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine

MANY = int(os.environ.get("TANDEM_MANY_EXPERIMENTS") or 40)


@pytest.fixture
def roomy_stack(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str | None]
) -> Iterator[tuple[LocalStack, TrapEngine]]:
    with (
        TrapEngine(DEPLOYED) as engine,
        stack_over(engine.url, tmp_path_factory.mktemp("state"), 10, new_database()) as stack,
    ):
        yield stack, engine


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_experiments_at_once_each_get_one_load_and_reach_their_end(
    roomy_stack: tuple[LocalStack, TrapEngine], caplog: pytest.LogCaptureFixture
) -> None:
    stack, engine = roomy_stack
    platform = Platform(stack)
    experiments = [platform.plan(abort_on_load_failure=True, traffic_duration_sec=600) for _ in range(MANY)]
    with caplog.at_level(logging.ERROR):
        for experiment in experiments:
            experiment.starts()
        _wait_for_all(experiments, "FaultWindowOpen")
        for experiment in experiments:
            experiment.finishes()
        until(lambda: not platform.unsettled(), "all settled", 300)
        until(lambda: set(platform.workflow_statuses().values()) == {"SUCCEEDED"}, "all workflows ended", 120)
        assert len(platform.workflow_statuses()) == MANY
    for experiment in experiments:
        assert experiment.transitions == ["PENDING", "RUNNING", "STOPPED"]
        assert engine.starts(experiment.task_id) == 1
        assert experiment.heard("ExperimentAbortRequested") == []
    assert engine.running() == set()
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in failures if "StopNotConfirmed" not in str(record.exc_info)] == []
    platform.close()


def _wait_for_all(experiments: list[Experiment], detail_type: str) -> None:
    platform = experiments[0].platform
    wanted = {experiment.experiment_task_id for experiment in experiments}
    until(lambda: platform.heard_of(detail_type) >= wanted, f"{detail_type} of all", 300)
