"""How a deployment's step answers CloudFormation, and a person."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tandem.triggers import custom_resource
from tandem.triggers.custom_resource import deployment_step

EVENT = {
    "RequestType": "Create",
    "ResponseURL": "https://answers.example/x",
    "StackId": "stack",
    "RequestId": "request",
    "LogicalResourceId": "DatabaseMigration",
}


class Opened:
    """What urlopen gives: a context."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    def take(request: Any, timeout: float) -> Opened:
        assert (request.method, request.full_url, timeout <= 30) == ("PUT", EVENT["ResponseURL"], True)
        sent.append(json.loads(request.data))
        return Opened()

    monkeypatch.setattr(custom_resource, "urlopen", take)
    return sent


def step(result: Mapping[str, Any] | Exception) -> Callable[[Mapping[str, Any], object], Mapping[str, Any]]:
    def run() -> Mapping[str, Any]:
        if isinstance(result, Exception):
            raise result
        return result

    return deployment_step(run)


def test_called_by_hand_it_answers_its_caller(answers: list[dict[str, Any]]) -> None:
    assert step({"after": "0001"})({}, None) == {"after": "0001"}
    assert answers == []


def test_called_by_hand_it_raises(answers: list[dict[str, Any]]) -> None:
    with pytest.raises(RuntimeError, match="no"):
        step(RuntimeError("no"))({}, None)


def test_cloudformation_is_told_of_success_under_a_name_that_stays(answers: list[dict[str, Any]]) -> None:
    step({"after": "0001"})(EVENT, None)
    step({"after": "0002"})({**EVENT, "RequestType": "Update", "PhysicalResourceId": "DatabaseMigration"}, None)
    assert [answer["Status"] for answer in answers] == ["SUCCESS", "SUCCESS"]
    assert {answer["PhysicalResourceId"] for answer in answers} == {"DatabaseMigration"}
    assert (answers[0]["RequestId"], answers[0]["Data"]) == ("request", {"after": "0001"})


def test_a_failure_reaches_cloudformation_at_once_and_lambda_does_not_call_again(answers: list[dict[str, Any]]) -> None:
    assert step(RuntimeError("the lock is taken"))(EVENT, None) == {}
    assert answers[0]["Status"] == "FAILED"
    assert answers[0]["Reason"] == "RuntimeError: the lock is taken"


def test_deleting_the_stack_does_not_migrate(answers: list[dict[str, Any]]) -> None:
    step(RuntimeError("must not run"))({**EVENT, "RequestType": "Delete"}, None)
    assert answers[0]["Status"] == "SUCCESS"


def test_only_https_is_answered() -> None:
    with pytest.raises(ValueError, match="https"):
        step({})({**EVENT, "ResponseURL": "file:///etc/passwd"}, None)
