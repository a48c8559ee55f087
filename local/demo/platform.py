"""The chaos platform's side of the event bus: it says what its experiment does, and listens to what Tandem says."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.demo.failure import DemoFailure
from local.resolve import REGION
from local.template import LOCAL_BUS_NAME

_SOURCE = "chaosblade.experiment"


class ChaosPlatform:
    """One experiment's talk over EventBridge: events out by PutEvents, events in by a rule and a queue of its own."""

    def __init__(self, aws_url: str, experiment_id: str, experiment_task_id: str) -> None:
        session: Any = boto3.session.Session("local", "local", "local", REGION)
        retry = Config(retries={"max_attempts": 3, "mode": "standard"}, proxies={})
        self._events = session.client("events", endpoint_url=aws_url, config=retry)
        self._queues = session.client("sqs", endpoint_url=aws_url, config=retry)
        self._experiment_id = experiment_id
        self._experiment_task_id = experiment_task_id
        self._name = f"platform-{experiment_task_id}"
        self._queue_url = ""
        self.heard: list[dict[str, Any]] = []
        """Every event that Tandem sent about this experiment, in the order in which they came."""

    def listen(self) -> None:
        """Makes the queue, and the rule that fills it. Raises DemoFailure."""
        pattern = {"source": ["tandem"], "detail": {"experimentTaskId": [self._experiment_task_id]}}
        try:
            self._queue_url = self._queues.create_queue(QueueName=self._name)["QueueUrl"]
            arn = self._queues.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])
            rule = {"Name": self._name, "EventBusName": LOCAL_BUS_NAME}
            self._events.put_rule(**rule, EventPattern=json.dumps(pattern))
            target = {"Id": "platform", "Arn": arn["Attributes"]["QueueArn"]}
            self._events.put_targets(Rule=self._name, EventBusName=LOCAL_BUS_NAME, Targets=[target])
        except (BotoCoreError, ClientError) as exc:
            raise DemoFailure(f"the platform's rule on bus {LOCAL_BUS_NAME} could not be made: {exc}") from exc

    def close(self) -> None:
        """Takes rule and queue away again; a stack that is already gone took them along."""
        with contextlib.suppress(BotoCoreError, ClientError):
            self._events.remove_targets(Rule=self._name, EventBusName=LOCAL_BUS_NAME, Ids=["platform"])
            self._events.delete_rule(Name=self._name, EventBusName=LOCAL_BUS_NAME)
            if self._queue_url:
                self._queues.delete_queue(QueueUrl=self._queue_url)

    def announce(self) -> None:
        """Says that the experiment is about to begin. Raises DemoFailure."""
        self._put("ExperimentStarting", experimentId=self._experiment_id, userId="local")

    def fault_began(self, at: datetime) -> None:
        """Says when the fault began. Raises DemoFailure."""
        self._put("FaultStateChanged", faultStartedAt=at.isoformat())

    def fault_ended(self, at: datetime) -> None:
        """Says when the fault ended: all that comes after it is recovery. Raises DemoFailure."""
        self._put("FaultStateChanged", faultEndedAt=at.isoformat())

    def finish(self, outcome: str, reason: str) -> None:
        """Says that the experiment is over: SUCCEEDED, FAILED or STOPPED. Raises DemoFailure."""
        self._put("ExperimentFinished", outcome=outcome, reason=reason)

    def hear(self) -> None:
        """Takes what has come into `heard`; does not wait. Raises DemoFailure."""
        try:
            answer = self._queues.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self.heard.append(json.loads(message["Body"]))
                self._queues.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        except (BotoCoreError, ClientError) as exc:
            raise DemoFailure(f"the platform's queue could not be read: {exc}") from exc

    def heard_of(self, kind: str) -> list[dict[str, Any]]:
        """The details of the events of one kind that have come."""
        return [event["detail"] for event in self.heard if event["detail-type"] == kind]

    def _put(self, kind: str, **detail: Any) -> None:
        entry = {
            "EventBusName": LOCAL_BUS_NAME,
            "Source": _SOURCE,
            "DetailType": kind,
            "Detail": json.dumps({"experimentTaskId": self._experiment_task_id, **detail}),
        }
        try:
            answer = self._events.put_events(Entries=[entry])
        except (BotoCoreError, ClientError) as exc:
            raise DemoFailure(f"{kind} could not be put on bus {LOCAL_BUS_NAME}: {exc}") from exc
        if answer["FailedEntryCount"]:
            raise DemoFailure(f"bus {LOCAL_BUS_NAME} refused {kind}: {answer['Entries'][0].get('ErrorMessage')}")
