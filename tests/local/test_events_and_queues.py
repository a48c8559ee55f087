"""Events reach the rules' targets, messages the functions of their queues, schedules fire."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import json
import time
from typing import Any

import pytest

from local.queues import _failed_items
from local.schedules import Cron, Pace
from local.stack import LocalStack
from local.template import EventSource, Queue, Rule, Target, TemplateError
from tests.local.toy_application import calls, wait_for


def put(stack: LocalStack, source: str, kind: str, detail: dict[str, Any], bus: str | None = "tandem-local") -> str:
    entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), "Resources": ["r"]}
    if bus:
        entry["EventBusName"] = bus
    answer = stack.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0
    return str(answer["Entries"][0]["EventId"])


def heard(identifier: str) -> list[Any]:
    return [event for event in calls("listener") if event["id"] == identifier]


def receive(stack: LocalStack, queue: str, seconds: float = 20.0) -> dict[str, Any]:
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]

    def look() -> list[Any]:
        found: list[Any] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"]).get(
            "Messages", []
        )
        return found

    message: dict[str, Any] = wait_for(look, f"a message in {queue}", seconds)[0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


def test_an_event_reaches_its_function_in_full_shape(stack: LocalStack) -> None:
    identifier = put(stack, "toy", "Greeted", {"kind": "plain", "n": 1})
    event = wait_for(lambda: heard(identifier), "the event")[0]
    moment = dt.datetime.strptime(event.pop("time"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    assert abs((dt.datetime.now(tz=dt.UTC) - moment).total_seconds()) < 10
    assert event == {
        "version": "0",
        "id": identifier,
        "detail-type": "Greeted",
        "source": "toy",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": ["r"],
        "detail": {"kind": "plain", "n": 1},
    }


def test_patterns_and_buses_are_told_apart(stack: LocalStack) -> None:
    wrong = [
        put(stack, "toy", "Greeted", {"kind": "ignored"}),
        put(stack, "toy", "Greeted", {"kind": "plain"}, bus=None),
        put(stack, "toy.default", "Any", {"kind": "plain"}),
    ]
    right = put(stack, "toy.default", "Any", {"kind": "plain"}, bus=None)
    wait_for(lambda: heard(right), "the event on the default bus")
    assert [heard(identifier) for identifier in wrong] == [[], [], []]


def test_a_rule_delivers_to_a_queue(stack: LocalStack) -> None:
    identifier = put(stack, "toy", "Queued", {"a": 1})
    assert json.loads(receive(stack, "Inbox")["Body"])["id"] == identifier


def test_a_failing_listener_is_tried_again_and_its_event_then_kept(stack: LocalStack) -> None:
    identifier = put(stack, "toy", "Greeted", {"kind": "plain", "fail": "always"})
    message = receive(stack, "LostEvents")
    assert json.loads(message["Body"])["id"] == identifier
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "always"
    assert len(heard(identifier)) == 2  # MaximumRetryAttempts: 1


def test_a_message_is_picked_up_at_once_as_a_true_record(stack: LocalStack) -> None:
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName="Work")["QueueUrl"]
    sent = sqs.send_message(
        QueueUrl=url, MessageBody="good", MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}}
    )

    def find() -> list[Any]:
        return [record for record in calls("worker") if record["messageId"] == sent["MessageId"]]

    record = wait_for(find, "the record")[0]
    assert record["body"] == "good"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:Work"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["k"]["stringValue"] == "v"
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert record["pickedUpAt"] - int(record["attributes"]["SentTimestamp"]) < 500


def test_only_the_failed_messages_of_a_batch_come_again_and_end_in_the_dead_letter_queue(stack: LocalStack) -> None:
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName="Work")["QueueUrl"]
    entries = [{"Id": "1", "MessageBody": "fine"}, {"Id": "2", "MessageBody": "bad"}]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    identifiers = {entry["Id"]: entry["MessageId"] for entry in answer["Successful"]}
    assert receive(stack, "LostWork")["Body"] == "bad"
    times = [record["messageId"] for record in calls("worker")]
    assert times.count(identifiers["1"]) == 1
    assert times.count(identifiers["2"]) == 2  # maxReceiveCount


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"id": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ("nonsense", {"a", "b"}),
    ],
)
def test_a_partial_answer_is_read_as_lambda_reads_it(answer: Any, kept: set[str]) -> None:
    source = EventSource("arn", "F", 10, report_batch_item_failures=True)
    assert _failed_items(source, answer, {"a", "b"}) == kept


def test_messages_sent_from_many_threads_all_arrive_once(stack: LocalStack) -> None:
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName="Work")["QueueUrl"]

    def send(number: int) -> str:
        return str(sqs.send_message(QueueUrl=url, MessageBody=f"many-{number}")["MessageId"])

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        sent = set(pool.map(send, range(100)))

    def arrived() -> list[str]:
        return [record["messageId"] for record in calls("worker") if record["messageId"] in sent]

    wait_for(lambda: set(arrived()) == sent, "all messages")
    assert len(arrived()) == 100


def test_a_sweep_comes_at_once_and_then_each_sync_second_from_rule_and_queue_in_turn(stack: LocalStack) -> None:
    sweeps = wait_for(lambda: calls("sweep") if len(calls("sweep")) >= 5 else [], "five sweeps")
    # Four gaps of a second; a busy machine may be late with one, but never early with all.
    assert sweeps[4]["at"] - sweeps[0]["at"] > 3
    first, second = sweeps[0]["event"], sweeps[1]["event"]
    assert (first["source"], first["detail-type"]) == ("aws.events", "Scheduled Event")
    assert first["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/EveryMinute"]
    assert json.loads(second["Records"][0]["body"]) == {"again": True}


@pytest.mark.parametrize(("sync", "period", "delay"), [(30, 60.0, 30), (1, 2.0, 1), (5, 10.0, 5)])
def test_the_pace_scales_the_minute_rule_and_the_queue_it_feeds_alone(sync: int, period: float, delay: int) -> None:
    def queue(name: str) -> Queue:
        return Queue(name, name, "url", 30, 60, 60, None, None)

    target = Target("t", queue("fed").arn, None, None, None, None)
    rules = [Rule("r", "r", "default", None, "rate(1 minute)", (target,), enabled=True)]
    assert Pace(sync).period(60) == period
    assert Pace(sync).period(3600) == 3600
    assert Pace(sync).delay(queue("fed"), rules) == delay
    assert Pace(sync).delay(queue("other"), rules) == 30


@pytest.mark.parametrize(
    ("expression", "now", "following"),
    [
        ("cron(15 3 * * ? *)", "2026-11-22T03:15:00", "2026-11-23T03:15:00"),
        ("cron(0/20 * * * ? *)", "2026-11-22T03:19:59", "2026-11-22T03:20:00"),
        ("cron(0 8 ? * MON-FRI *)", "2026-11-20T08:00:30", "2026-11-23T08:00:00"),
        ("cron(0 0 29 2 ? *)", "2026-03-01T00:00:00", "2028-02-29T00:00:00"),
        ("cron(5,10 1 1 JAN ? 2027)", "2026-11-22T00:00:00", "2027-01-01T01:05:00"),
    ],
)
def test_cron_finds_the_next_minute(expression: str, now: str, following: str) -> None:
    moment = dt.datetime.fromisoformat(now + "+00:00")
    assert Cron(expression, "here").next_after(moment) == dt.datetime.fromisoformat(following + "+00:00")


@pytest.mark.parametrize("expression", ["cron(0 0 L * ? *)", "cron(60 0 * * ? *)", "every day", "cron(0 0 * * *)"])
def test_an_expression_that_cannot_be_read_is_refused(expression: str) -> None:
    with pytest.raises(TemplateError, match="here"):
        Cron(expression, "here")


def test_a_put_event_on_a_bus_that_is_not_there_is_refused(stack: LocalStack) -> None:
    client = stack.client("events")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.put_events(
            Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": "nowhere", "Time": time.time()}]
        )
