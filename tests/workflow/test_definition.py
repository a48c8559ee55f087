"""The state machine's file itself: what every state of it must have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.template import load_template

PROJECT = Path(__file__).resolve().parents[2]
FILE = PROJECT / "functions" / "workflow" / "experiment_load_test.asl.json"
MACHINE: dict[str, Any] = json.loads(FILE.read_text())
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TASKS = sorted(name for name, state in STATES.items() if state["Type"] == "Task")
CLEAN_UP, AFTER_CLEAN_UP = "CleanUp", {"CleanUp", "StopLoadAfterCleanUp"}


def followers(state: dict[str, Any]) -> Iterator[str]:
    """Every state that may come after this one."""
    if "Next" in state:
        yield state["Next"]
    if "Default" in state:
        yield state["Default"]
    for branch in [*state.get("Choices", []), *state.get("Catch", [])]:
        yield branch["Next"]


def ends_from(name: str) -> set[str]:
    """The final states that can be reached."""
    seen, waiting = set[str](), [name]
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting += followers(STATES[here])
    return {each for each in seen if not list(followers(STATES[each]))}


def test_every_next_state_exists_and_every_state_can_be_reached() -> None:
    named = {MACHINE["StartAt"]} | {after for state in STATES.values() for after in followers(state)}
    assert named == set(STATES)


def test_the_machine_has_a_time_limit_of_its_own() -> None:
    # A load lasts a day at most and a fault may be planned far ahead; without a limit an execution may wait for ever.
    assert 86_400 < MACHINE["TimeoutSeconds"] < 366 * 86_400 + 1


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_time_limit(name: str) -> None:
    assert ("TimeoutSeconds" in STATES[name]) != ("TimeoutSecondsPath" in STATES[name])


@pytest.mark.parametrize("name", TASKS)
def test_a_task_retries_named_errors_and_no_others(name: str) -> None:
    retriers = STATES[name]["Retry"]
    assert retriers
    for retrier in retriers:
        assert retrier["ErrorEquals"]
        assert not {"States.ALL", "States.TaskFailed", "States.Timeout"} & set(retrier["ErrorEquals"])
        assert 1 <= retrier["MaxAttempts"] <= 100
    named = [error for retrier in retriers for error in retrier["ErrorEquals"]]
    assert len(named) == len(set(named))
    assert {"DatabaseUnavailable", "Lambda.ServiceException", "Lambda.TooManyRequestsException"} <= set(named)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_that_fails_reaches_the_clean_up_and_then_fails_the_execution(name: str) -> None:
    last = STATES[name]["Catch"][-1]
    assert last["ErrorEquals"] == ["States.ALL"]
    assert last["Next"] == ("WorkflowFailed" if name in AFTER_CLEAN_UP else CLEAN_UP)
    assert ends_from(last["Next"]) == {"WorkflowFailed"}
    assert STATES["WorkflowFailed"]["Type"] == "Fail"


def test_no_catch_loses_what_the_execution_began_with() -> None:
    for name in TASKS:
        paths = [STATES[name]["ResultPath"], *(catch["ResultPath"] for catch in STATES[name]["Catch"])]
        assert all(re.fullmatch(r"\$\.[a-zA-Z]+", path) for path in paths), name


def test_every_function_of_the_machine_is_in_the_template_and_outlives_no_step() -> None:
    template = load_template(PROJECT / "template.yaml")
    placeholders = set(re.findall(r"\$\{(\w+)\}", FILE.read_text()))
    assert placeholders == {STATES[name]["Parameters"]["FunctionName"].strip("${}") for name in TASKS}
    [machine] = template.state_machines.values()
    deployed = json.loads(machine.definition)["States"]
    for name in TASKS:
        function = template.function_by_arn(deployed[name]["Parameters"]["FunctionName"])
        assert function is not None, name
        wanted = STATES[name]["Parameters"]["FunctionName"].strip("${}").removesuffix("Arn")
        assert function.logical_id == wanted
        # The function must be gone when the step is given up, or its retry would run beside it.
        if "TimeoutSeconds" in STATES[name]:
            assert function.timeout < STATES[name]["TimeoutSeconds"], name


def test_a_choice_knows_what_to_do_with_an_unknown_answer() -> None:
    assert all("Default" in state for state in STATES.values() if state["Type"] == "Choice")
