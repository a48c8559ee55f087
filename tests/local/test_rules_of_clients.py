"""A platform makes its own rule and queue on the bus, through the AWS API, beside those of the template."""

import json
from typing import Any

from local.demo.platform import ChaosPlatform
from local.stack import LocalStack
from tests.local.toy_application import wait_for


def say(stack: LocalStack, kind: str, task: str, source: str = "tandem") -> None:
    detail = {"experimentTaskId": task, "reason": kind}
    entry = {"EventBusName": "tandem-local", "Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
    assert stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_a_platform_hears_of_its_own_experiment_and_of_no_other(stack: LocalStack) -> None:
    platform = ChaosPlatform(stack.aws_url, "exp-1", "task-1")
    platform.listen()
    try:
        say(stack, "FaultWindowOpen", "task-2")
        say(stack, "FaultWindowOpen", "task-1", source="somebody.else")
        say(stack, "FaultWindowOpen", "task-1")
        say(stack, "LoadTestReportReady", "task-1")

        def heard() -> list[dict[str, Any]]:
            platform.hear()
            return platform.heard if len(platform.heard) >= 2 else []

        wait_for(heard, "both events")
        assert [event["detail-type"] for event in platform.heard] == ["FaultWindowOpen", "LoadTestReportReady"]
        assert platform.heard_of("FaultWindowOpen") == [{"experimentTaskId": "task-1", "reason": "FaultWindowOpen"}]
        assert platform.heard[0]["source"] == "tandem"
    finally:
        platform.close()


def test_a_platform_leaves_neither_rule_nor_queue_behind(stack: LocalStack) -> None:
    platform = ChaosPlatform(stack.aws_url, "exp-1", "task-3")
    platform.listen()
    platform.close()
    assert stack.client("events").list_rules(EventBusName="tandem-local", NamePrefix="platform-")["Rules"] == []
    assert "QueueUrls" not in stack.client("sqs").list_queues(QueueNamePrefix="platform-")
