"""Messages of the queue of slow stops."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from tandem.domain.errors import AppError
from tandem.telemetry import LogEvent, warn


class StopMessage(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    experiment_task_id: str
    task_id: str


def stop_worker(stop: Callable[[StopMessage], object]) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
    """Make a Lambda handler of a function that takes one message; what could not be done comes again (SQS)."""

    def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        failed = [record["messageId"] for record in event["Records"] if not _done(stop, record)]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    return handler


def _done(stop: Callable[[StopMessage], object], record: Mapping[str, Any]) -> bool:
    try:
        stop(StopMessage.model_validate_json(record["body"]))
    except (AppError, ValidationError) as trouble:
        warn(LogEvent.STOP_NOT_CONFIRMED, message_id=record["messageId"], reason=str(trouble))
        return False
    return True
