"""RunExperiment: a FIS template and its load, started by us."""

import json
from typing import Any

import boto3
import pytest
from tandem import bootstrap
from tandem.adapters.aws.workflows import StepFunctions
from tandem.domain.errors import WorkflowUnavailable

from tests.factories.api_events import Caller
from tests.functional.conftest import Api

BOB = Caller("bob")
FIS = "fis:EXT1a2b3c"
NO_WORK = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture
def machine(aws: None, settings: pytest.MonkeyPatch) -> Any:
    """A state machine that does nothing; gives what was started."""
    client = boto3.client("stepfunctions")
    arn = client.create_state_machine(
        name="tandem", definition=json.dumps(NO_WORK), roleArn="arn:aws:iam::123456789012:role/tandem"
    )["stateMachineArn"]
    settings.setenv("TANDEM_STATE_MACHINE_ARN", arn)
    bootstrap.reset()

    def started() -> list[dict[str, Any]]:
        listed = client.list_executions(stateMachineArn=arn)["executions"]
        return [json.loads(client.describe_execution(executionArn=each["executionArn"])["input"]) for each in listed]

    yield started
    client.delete_state_machine(stateMachineArn=arn)


@pytest.fixture
def strategy(api: Api, definition_fields: dict[str, Any]) -> str:
    definition = api.post("create_load_test_definition", **definition_fields).result
    made: str = api.post("create_load_test_strategy", definitionId=definition, experimentId=FIS).result
    return made


def test_a_run_is_started_for_the_caller_and_named(api: Api, machine: Any, strategy: str) -> None:
    result = api.post("run_experiment", experimentId=FIS).result
    assert result["experimentTaskId"].startswith("fisrun_")
    assert machine() == [
        {
            "experimentId": FIS,
            "experimentTaskId": result["experimentTaskId"],
            "userId": "alice",
            "namespace": "default",
            "faultAt": None,
        }
    ]


def test_the_same_client_token_starts_the_same_run_once(api: Api, machine: Any, strategy: str) -> None:
    first, second = (api.post("run_experiment", experimentId=FIS, clientToken="t").result for _ in range(2))
    assert first == second
    other = api.post("run_experiment", experimentId=FIS, clientToken="u").result
    without = [api.post("run_experiment", experimentId=FIS).result for _ in range(2)]
    assert len({each["experimentTaskId"] for each in (first, other, *without)}) == 4
    assert len(machine()) == 4


@pytest.mark.parametrize("experiment_id", ["exp-1", "fis:", "fis:EXT 1", "fis:../x", "FIS:EXT1", "arn:aws:fis:x"])
def test_only_templates_of_fis_can_be_started_here(api: Api, machine: Any, experiment_id: str) -> None:
    answer = api.post("run_experiment", experimentId=experiment_id)
    assert (answer.status, answer.code) == (422, "INVALID_VALUE")
    assert "fis:" in answer.fields["experimentId"]
    assert machine() == []


def test_a_fault_that_would_meet_no_load_is_not_started(api: Api, machine: Any, strategy: str) -> None:
    nobodys = api.post("run_experiment", experimentId="fis:EXT9")
    assert (nobodys.status, nobodys.code) == (404, "LOAD_TEST_STRATEGY_NOT_FOUND")
    somebody_elses = api.post("run_experiment", BOB, experimentId=FIS)
    assert (somebody_elses.status, somebody_elses.code) == (404, "LOAD_TEST_STRATEGY_NOT_FOUND")
    elsewhere = api.post("run_experiment", experimentId=FIS, namespace="other")
    assert elsewhere.status == 404
    api.post("update_load_test_strategy", id=strategy, enable=False)
    disabled = api.post("run_experiment", experimentId=FIS)
    assert (disabled.status, disabled.code) == (409, "STRATEGY_DISABLED")
    assert machine() == []


def test_step_functions_that_cannot_be_reached_are_a_503(
    api: Api, machine: Any, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(*_: object) -> None:
        raise WorkflowUnavailable("the workflow could not be started: throttled")

    monkeypatch.setattr(StepFunctions, "start", throttled)
    answer = api.post("run_experiment", experimentId=FIS)
    assert (answer.status, answer.code) == (503, "WORKFLOW_UNAVAILABLE")
