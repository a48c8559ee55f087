"""The bridge on the local stack: a box that injects by itself, its login, its stops, and an abort that reaches it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.stack import LocalStack
from tests.factories.platform import Experiment, Platform, until
from tests.factories.stacks import stack_over
from tests.fakes.chaosblade_box import FakeBox, FakeTask
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine

Begin = Callable[..., tuple[FakeTask, Experiment]]


@pytest.fixture(scope="module")
def box() -> Iterator[FakeBox]:
    with FakeBox(password="as the form sends it") as fake:
        yield fake


@pytest.fixture(scope="module")
def stack(module_engine: TrapEngine, box: FakeBox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    variables = {"TANDEM_BOX_URL": box.url, "TANDEM_BOX_USER": "tandem", "TANDEM_BOX_PASSWORD": "as the form sends it"}
    with stack_over(module_engine.url, tmp_path_factory.mktemp("state"), 2, **variables) as running:
        yield running


@pytest.fixture
def poll(stack: LocalStack) -> Callable[[], None]:
    """What the schedule does every minute."""

    def ask() -> None:
        answer = stack.client("lambda").invoke(FunctionName="PollChaosbladeBoxFunction", Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()

    return ask


@pytest.fixture
def begin(platform: Platform, box: FakeBox, poll: Callable[[], None]) -> Begin:
    """An experiment that its box has begun, and whose load runs."""

    def start(**changes: Any) -> tuple[FakeTask, Experiment]:
        experiment = platform.plan(**changes)
        task = box.begin(FakeTask(experiment.experiment_task_id, experiment.experiment_id))
        poll()
        assert experiment.reaches("RUNNING") == "RUNNING"
        return task, experiment

    return start


def test_a_task_stopped_in_the_box_stops_its_load_while_the_box_is_still_stopping(
    begin: Begin, poll: Callable[[], None], engine: TrapEngine
) -> None:
    task, experiment = begin()
    task.state = "STOPPING"
    poll()
    assert experiment.reaches("STOPPED") == "STOPPED"
    assert engine.running() == set()


def test_a_load_that_is_lost_stops_the_task_in_the_box_after_a_restart_of_the_box(
    begin: Begin, box: FakeBox, engine: TrapEngine
) -> None:
    task, experiment = begin(abort_on_load_failure=True)
    box.forget_sessions()
    [execution_id] = engine.running()
    engine.set_traps_for(execution_id, replace(DEPLOYED, dies_after_seconds=0))
    assert experiment.reaches("FAILED") == "FAILED"
    until(lambda: task.state == "STOPPING", "the stop at the box")


def test_a_task_of_another_user_of_the_box_keeps_nothing_from_the_others(
    begin: Begin, box: FakeBox, platform: Platform, poll: Callable[[], None]
) -> None:
    foreign, of_foreign = begin()
    foreign.of_another_user = True
    foreign.finish("FAILED", "no such pod")
    task, experiment = begin()
    poll()
    assert of_foreign.reaches("STOPPED") == "STOPPED"
    task.finish("SUCCESS")
    poll()
    until(lambda: experiment.run and experiment.run.outcome == "SUCCEEDED", "the end of the experiment")
