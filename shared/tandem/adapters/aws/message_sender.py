"""Outbox messages out: to EventBridge, to the queue of slow stops, and to workflows that wait."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.messages import Channel
from tandem.domain.ports import StoredMessage
from tandem.telemetry import LogEvent, warn

SOURCE = "tandem"
BATCH = 10
"""What PutEvents and SendMessageBatch take at once."""

# Nobody waits with this token any more: the execution ended or timed out, and needs no answer.
_NOBODY_WAITS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class AwsMessageSender:
    """The MessageSender port. A failure of one batch does not keep the others back."""

    def __init__(self, clients: AwsClients, event_bus: str, stop_queue_url: str) -> None:
        self._clients = clients
        self._event_bus = event_bus
        self._stop_queue_url = stop_queue_url

    def send(self, messages: Sequence[StoredMessage]) -> list[str]:
        arrived: list[str] = []
        by_channel = {channel: [each for each in messages if each.message.channel is channel] for channel in Channel}
        # Workflows first: an experiment waits for them.
        for stored in by_channel[Channel.WORKFLOW]:
            arrived += self._try(self._answer_workflow, [stored])
        for batch in _batches(by_channel[Channel.STOP_QUEUE]):
            arrived += self._try(self._enqueue_stops, batch)
        for batch in _batches(by_channel[Channel.EVENT_BUS]):
            arrived += self._try(self._put_events, batch)
        return arrived

    def _try(self, send: Callable[[Sequence[StoredMessage]], list[str]], batch: Sequence[StoredMessage]) -> list[str]:
        try:
            return send(batch)
        except (BotoCoreError, ClientError) as trouble:
            warn(LogEvent.MESSAGES_NOT_DELIVERED, count=len(batch), reason=str(trouble))
            return []

    def _answer_workflow(self, batch: Sequence[StoredMessage]) -> list[str]:
        [stored] = batch
        try:
            self._clients.step_functions.send_task_success(
                taskToken=stored.message.topic, output=json.dumps(dict(stored.message.body))
            )
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] not in _NOBODY_WAITS:
                raise
        return [stored.message_id]

    def _enqueue_stops(self, batch: Sequence[StoredMessage]) -> list[str]:
        answer = self._clients.sqs.send_message_batch(
            QueueUrl=self._stop_queue_url,
            Entries=[
                {"Id": stored.message_id, "MessageBody": json.dumps(dict(stored.message.body))} for stored in batch
            ],
        )
        return [each["Id"] for each in answer.get("Successful", [])]

    def _put_events(self, batch: Sequence[StoredMessage]) -> list[str]:
        answer = self._clients.events.put_events(
            Entries=[
                {
                    "EventBusName": self._event_bus,
                    "Source": SOURCE,
                    "DetailType": stored.message.topic,
                    "Detail": json.dumps(dict(stored.message.body), ensure_ascii=False),
                }
                for stored in batch
            ]
        )
        results = zip(batch, answer["Entries"], strict=True)
        return [stored.message_id for stored, result in results if "EventId" in result]


def _batches(messages: Sequence[StoredMessage]) -> Iterator[list[StoredMessage]]:
    rest = iter(messages)
    while batch := list(islice(rest, BATCH)):
        yield batch
