"""Lambda's SQS event-source mappings: polls the template's queues and invokes their functions with batches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from moto.sqs import sqs_backends
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Queue as MotoQueue

from local.functions import FunctionRuntime, PayloadTooLarge, UnknownFunction
from local.replacements import Replacements
from local.resolve import ACCOUNT_ID, REGION
from local.template import EventSource, Template

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 0.1
_BATCHES_AT_ONCE = 5  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html


def repair_queues(replacements: Replacements) -> None:
    """moto rebuilds its list of messages on each delete without a lock, and loses what is sent meanwhile."""
    delete_message = MotoQueue.delete_message

    def delete_under_lock(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            delete_message(self, receipt_handle)

    replacements.replace(MotoQueue, "delete_message", delete_under_lock)


class QueuePollers:
    """One polling thread for each event source; a message is picked up within about 0.1 s of its being due."""

    def __init__(self, template: Template, runtime: FunctionRuntime) -> None:
        self._runtime = runtime
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._poll,
                args=(source, template.functions[source.function].name),
                name=f"poll-{source.queue_arn.rsplit(':', 1)[-1]}",
                daemon=True,
            )
            for source in template.event_sources
        ]

    def start(self) -> None:
        """Begins to poll."""
        for thread in self._threads:
            thread.start()

    def close(self, timeout: float) -> None:
        """Polls no more. A batch in flight is left to the runtime; its messages die with the process."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout)

    def _poll(self, source: EventSource, function_name: str) -> None:
        backend = sqs_backends[ACCOUNT_ID][REGION]
        name = source.queue_arn.rsplit(":", 1)[-1]
        queue = backend.get_queue(name)
        places = threading.Semaphore(_BATCHES_AT_ONCE)
        while not self._stopping.is_set():
            if not places.acquire(timeout=_IDLE_SECONDS):
                continue
            messages: list[Any] = []
            try:
                messages = backend.receive_message(name, source.batch_size, 0, queue.visibility_timeout, ["All"])
            except Exception:  # noqa: BLE001
                # moto's queue changes under our hands now and then; the next poll finds the messages.
                _log.exception("polling %s failed", name)
            if not messages:
                places.release()
                queue.wait_for_messages(_IDLE_SECONDS)
                continue
            self._begin_batch(source, function_name, messages, places)

    def _begin_batch(
        self, source: EventSource, function_name: str, messages: list[Any], places: threading.Semaphore
    ) -> None:
        def work() -> None:
            try:
                self._work(source, function_name, messages)
            finally:
                places.release()

        threading.Thread(target=work, name=f"batch-{function_name}", daemon=True).start()

    def _work(self, source: EventSource, function_name: str, messages: list[Any]) -> None:
        """Deletes what was done; the rest becomes visible again when the visibility timeout is over."""
        event = {"Records": [_record(source, message) for message in messages]}
        try:
            invocation = self._runtime.invoke(function_name, event)
        except (UnknownFunction, PayloadTooLarge):
            _log.exception("the batch of %s cannot be handed to %s", source.queue_arn, function_name)
            return
        if invocation.function_error is not None:
            return
        failed = _failed_items(source, invocation.result(), {message.id for message in messages})
        backend = sqs_backends[ACCOUNT_ID][REGION]
        for message in messages:
            if message.id in failed:
                continue
            try:
                backend.delete_message(source.queue_arn.rsplit(":", 1)[-1], message.receipt_handle)
            except ReceiptHandleIsInvalid:
                _log.warning("a message of %s was taken away meanwhile", source.queue_arn)


def _failed_items(source: EventSource, answer: Any, identifiers: set[str]) -> set[str]:
    """Which messages to keep; an unusable answer keeps all.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (partial batch responses)
    """
    if not source.report_batch_item_failures or answer is None:
        return set()
    failures = answer.get("batchItemFailures") if isinstance(answer, Mapping) else answer
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return identifiers
    named = {str(failure.get("itemIdentifier") if isinstance(failure, Mapping) else "") for failure in failures}
    return named if named <= identifiers else identifiers


def _record(source: EventSource, message: Any) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {
            name: {
                "stringValue": value.get("StringValue"),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": value.get("DataType"),
            }
            for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": source.queue_arn,
        "awsRegion": REGION,
    }
