"""Executions of the state machine behave as Step Functions' do."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import json
import time
import uuid
from typing import Any

import pytest

from local.stack import LocalStack
from tests.local.toy_application import calls, wait_for

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:Workflow"


def start(stack: LocalStack, do: str, name: str | None = None, **more: Any) -> str:
    execution = stack.client("stepfunctions").start_execution(
        stateMachineArn=MACHINE, name=name or uuid.uuid4().hex, input=json.dumps({"do": do, **more})
    )
    return str(execution["executionArn"])


def end_of(stack: LocalStack, arn: str, seconds: float = 30.0) -> dict[str, Any]:
    client = stack.client("stepfunctions")

    def look() -> dict[str, Any]:
        description: dict[str, Any] = client.describe_execution(executionArn=arn)
        return description if description["status"] != "RUNNING" else {}

    return wait_for(look, f"the end of {arn}", seconds)


def told(arn: str) -> list[dict[str, Any]]:
    """The details of the status events of an execution that the toy listener heard, in the order of their dates."""
    return [event["detail"] for event in calls("listener") if event["detail"].get("executionArn") == arn]


def token_of(name: str) -> str:
    def look() -> list[str]:
        return [call["token"] for call in calls("step") if call.get("name") == name]

    return wait_for(look, "the task token")[0]


def test_an_error_that_the_machine_retries_goes_away(stack: LocalStack) -> None:
    end = end_of(stack, start(stack, "flaky"))
    assert end["status"] == "SUCCEEDED"
    assert json.loads(end["output"])["step"] == {"answer": {"done": "flaky"}}


def test_an_error_is_caught_by_its_class_name(stack: LocalStack) -> None:
    end = end_of(stack, start(stack, "catch"))
    error = json.loads(end["output"])["error"]
    assert (end["status"], error["Error"]) == ("SUCCEEDED", "Caught")
    assert json.loads(error["Cause"])["errorMessage"] == "as planned"


def test_an_error_that_nobody_catches_fails_the_execution_and_is_told_on_the_default_bus(stack: LocalStack) -> None:
    arn = start(stack, "fail")
    end = end_of(stack, arn)
    assert (end["status"], end["error"]) == ("FAILED", "Fatal")
    events = wait_for(lambda: told(arn) if len(told(arn)) == 2 else [], "both events")
    by_status = {detail["status"]: detail for detail in events}
    assert set(by_status) == {"RUNNING", "FAILED"}
    failed = by_status["FAILED"]
    assert failed["stateMachineArn"] == MACHINE
    assert json.loads(failed["input"]) == {"do": "fail"}
    assert failed["output"] is None
    assert failed["startDate"] <= failed["stopDate"] == int(end["stopDate"].timestamp() * 1000)
    assert by_status["RUNNING"]["stopDate"] is None


def test_the_same_name_and_input_start_once_while_it_runs_and_are_refused_after(stack: LocalStack) -> None:
    client = stack.client("stepfunctions")
    name = uuid.uuid4().hex

    def begin(_: int) -> str:
        return start(stack, "wait for token", name)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(begin, range(8)))
    assert len(arns) == 1
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        start(stack, "something else", name)
    client.send_task_success(taskToken=token_of(name), output="{}")
    assert end_of(stack, arns.pop())["status"] == "SUCCEEDED"
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        begin(0)
    assert len([call for call in calls("step") if call.get("name") == name]) == 1


@pytest.mark.parametrize("name", ["with space", "a/b", "x" * 81, "a:b", "tab\t"])
def test_a_name_that_aws_forbids_is_refused(stack: LocalStack, name: str) -> None:
    with pytest.raises(stack.client("stepfunctions").exceptions.InvalidName):
        start(stack, "anything", name)


def test_a_failure_sent_for_a_token_is_caught_with_its_cause(stack: LocalStack) -> None:
    name = uuid.uuid4().hex
    arn = start(stack, "wait for token", name)
    stack.client("stepfunctions").send_task_failure(taskToken=token_of(name), error="LoadLost", cause="gone")
    assert json.loads(end_of(stack, arn)["output"])["error"] == {"Error": "LoadLost", "Cause": "gone"}


def test_a_stop_aborts_what_waits_for_a_token_at_once(stack: LocalStack) -> None:
    name = uuid.uuid4().hex
    arn = start(stack, "wait for token", name)
    token = token_of(name)
    client = stack.client("stepfunctions")
    stopped = client.stop_execution(executionArn=arn)
    assert stopped["stopDate"]
    end = client.describe_execution(executionArn=arn)
    assert (end["status"], end["stopDate"]) == ("ABORTED", stopped["stopDate"])
    wait_for(lambda: [event for event in told(arn) if event["status"] == "ABORTED"], "the event of the stop")
    with pytest.raises(client.exceptions.ClientError):
        client.send_task_success(taskToken=token, output="{}")
    assert client.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_a_stop_right_after_the_start_holds(stack: LocalStack) -> None:
    arn = start(stack, "sleep")
    client = stack.client("stepfunctions")
    client.stop_execution(executionArn=arn)
    assert client.describe_execution(executionArn=arn)["status"] == "ABORTED"
    wait_for(lambda: [event for event in told(arn) if event["status"] == "ABORTED"], "the event of the stop")
    assert [event["status"] for event in told(arn)].count("ABORTED") == 1


def test_executions_can_be_listed_by_status(stack: LocalStack) -> None:
    name = uuid.uuid4().hex
    arn = start(stack, "wait for token", name)
    client = stack.client("stepfunctions")
    running = client.list_executions(stateMachineArn=MACHINE, statusFilter="RUNNING")["executions"]
    assert arn in [execution["executionArn"] for execution in running]
    client.send_task_success(taskToken=token_of(name), output="{}")
    end_of(stack, arn)
    running = client.list_executions(stateMachineArn=MACHINE, statusFilter="RUNNING")["executions"]
    assert arn not in [execution["executionArn"] for execution in running]


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S.%fZ", "offset"])
def test_a_wait_until_a_time_ends_neither_early_nor_a_second_late(stack: LocalStack, form: str) -> None:
    # The fixture makes waits ten times shorter: 8.7 s take 0.87 s.
    until = dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=8.7)
    if form == "offset":
        text = until.astimezone(dt.timezone(dt.timedelta(hours=8))).isoformat()
    else:
        text = until.strftime(form)
    began = time.monotonic()
    end = end_of(stack, start(stack, "wait until", until=text))
    assert end["status"] == "SUCCEEDED"
    assert 0.85 < time.monotonic() - began < 1.8


def test_a_machine_puts_events_on_the_bus(stack: LocalStack) -> None:
    name = uuid.uuid4().hex
    arn = start(stack, "tell", name)
    assert end_of(stack, arn)["status"] == "SUCCEEDED"

    def look() -> list[Any]:
        return [
            event for event in calls("listener") if event["detail"].get("name") == name and event["source"] == "toy"
        ]

    assert wait_for(look, "the event")[0]["resources"] == [MACHINE, arn]


def test_two_hundred_executions_at_once_all_succeed(stack: LocalStack) -> None:
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        arns = list(pool.map(lambda _: start(stack, "sleep"), range(200)))
        ends = list(pool.map(lambda arn: end_of(stack, arn, 60)["status"], arns))
    assert ends == ["SUCCEEDED"] * 200


def test_lambda_invoke_through_boto3_calls_the_function(stack: LocalStack) -> None:
    client = stack.client("lambda")
    answer = client.invoke(FunctionName="StepFunction", Payload=json.dumps({"do": "x"}))
    assert json.loads(answer["Payload"].read()) == {"done": "x"}
    failed = client.invoke(FunctionName="StepFunction", Payload=json.dumps({"do": "fail"}))
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorType"] == "Fatal"
