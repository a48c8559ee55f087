"""Lambda's records of events on which a function failed three times, from the queue that is their destination."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from tandem.telemetry import LogEvent, log

EventHandler = Callable[[Mapping[str, Any], object], object]


class EventOfNobody(Exception):
    """A record holds no event, or one that no handler takes: it ends in the queue of failed events."""


def take_again(handlers: Mapping[str, EventHandler]) -> EventHandler:
    """Make a Lambda handler of the handlers by detail type. It fails when they do, and SQS brings the record again.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html (the record's shape)
    """

    def handler(event: Mapping[str, Any], context: object) -> None:
        for record in event["Records"]:
            failed = _event_of(record)
            handle = handlers.get(str(failed.get("detail-type")))
            if handle is None:
                raise EventOfNobody(f"message {record['messageId']} holds no event that is known here")
            handle(failed, context)
            log(LogEvent.EVENT_REPEATED, event_id=failed.get("id"), detail_type=failed.get("detail-type"))

    return handler


def _event_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        told = from_json(record["body"])
    except ValueError as broken:
        raise EventOfNobody(f"message {record['messageId']} is no JSON") from broken
    payload = told.get("requestPayload") if isinstance(told, dict) else None
    if not isinstance(payload, dict):
        raise EventOfNobody(f"message {record['messageId']} is no record of a failed invocation")
    return payload
