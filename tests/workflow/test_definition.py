"""The state machine's file itself: what every state of it must have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tandem.domain.injection import TASK_TAG
from tandem.domain.limits import Limits

from local.template import load_template

PROJECT = Path(__file__).resolve().parents[2]
FILE = PROJECT / "functions" / "workflow" / "experiment_load_test.asl.json"
MACHINE: dict[str, Any] = json.loads(FILE.read_text())
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TASKS = sorted(name for name, state in STATES.items() if state["Type"] == "Task")
FUNCTIONS = [name for name in TASKS if STATES[name]["Resource"].startswith("arn:aws:states:::lambda:invoke")]
CALLS_OF_FIS = sorted(set(TASKS) - set(FUNCTIONS))
CLEAN_UP = "CleanUp"
AFTER_CLEAN_UP = {
    "CleanUp": "WorkflowFailed",
    "StopInjectionAfterCleanUp": "StopAfterCleanUp",
    "StopLoadAfterCleanUp": "WorkflowFailed",
}


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
    if name in FUNCTIONS:
        assert {"DatabaseUnavailable", "Lambda.ServiceException", "Lambda.TooManyRequestsException"} <= set(named)
    else:
        # What FIS's model does not name (throttling, its own faults) comes as FisException.
        assert {"Fis.FisException", "Fis.SdkClientException"} <= set(named)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_that_fails_reaches_the_clean_up_and_then_fails_the_execution(name: str) -> None:
    last = STATES[name]["Catch"][-1]
    assert last["ErrorEquals"] == ["States.ALL"]
    assert last["Next"] == AFTER_CLEAN_UP.get(name, CLEAN_UP)
    assert ends_from(last["Next"]) == {"WorkflowFailed"}
    assert STATES["WorkflowFailed"]["Type"] == "Fail"


def test_no_catch_loses_what_the_execution_began_with() -> None:
    for name in TASKS:
        paths = [STATES[name]["ResultPath"], *(catch["ResultPath"] for catch in STATES[name]["Catch"])]
        assert all(re.fullmatch(r"\$\.[a-zA-Z]+", path) for path in paths), name


def test_every_function_of_the_machine_is_in_the_template_and_outlives_no_step() -> None:
    template = load_template(PROJECT / "template.yaml")
    placeholders = set(re.findall(r"\$\{(\w+)\}", FILE.read_text()))
    assert placeholders == {STATES[name]["Parameters"]["FunctionName"].strip("${}") for name in FUNCTIONS}
    [machine] = template.state_machines.values()
    deployed = json.loads(machine.definition)["States"]
    for name in FUNCTIONS:
        function = template.function_by_arn(deployed[name]["Parameters"]["FunctionName"])
        assert function is not None, name
        wanted = STATES[name]["Parameters"]["FunctionName"].strip("${}").removesuffix("Arn")
        assert function.logical_id == wanted
        # The function must be gone when the step is given up, or its retry would run beside it.
        if "TimeoutSeconds" in STATES[name]:
            assert function.timeout < STATES[name]["TimeoutSeconds"], name


def test_a_choice_knows_what_to_do_with_an_unknown_answer() -> None:
    assert all("Default" in state for state in STATES.values() if state["Type"] == "Choice")


@pytest.mark.parametrize("name", CALLS_OF_FIS)
def test_a_call_of_fis_is_given_up_before_fis_counts_as_not_having_started(name: str) -> None:
    state = STATES[name]
    [retrier] = state["Retry"]
    pauses = [retrier["IntervalSeconds"] * retrier["BackoffRate"] ** tried for tried in range(retrier["MaxAttempts"])]
    longest = (retrier["MaxAttempts"] + 1) * state["TimeoutSeconds"] + sum(pauses)
    assert longest < Limits().injection_settles


def test_a_fault_that_is_over_counts_as_stopped() -> None:
    for name in ("StopInjection", "StopInjectionAfterCleanUp"):
        over = STATES[name]["Catch"][0]
        assert over["ErrorEquals"] == ["Fis.ResourceNotFoundException", "Fis.ValidationException"]
        assert over["Next"] == STATES[name]["Next"]


def test_fis_starts_one_experiment_however_often_it_is_asked_and_tags_it() -> None:
    parameters = STATES["StartInjection"]["Parameters"]
    assert parameters["ClientToken.$"] == "$.run.injection.clientToken"
    assert parameters["Tags"] == {f"{TASK_TAG}.$": "$.run.injection.taskId"}


def test_a_fault_begins_only_where_the_window_was_opened() -> None:
    before = [name for name, state in STATES.items() if "StartInjection" in followers(state)]
    assert before == ["IsTheWindowOpen"]
    assert [name for name, state in STATES.items() if "IsTheWindowOpen" in followers(state)] == ["OpenFaultWindow"]
