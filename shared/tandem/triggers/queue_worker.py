"""What the functions behind a queue share: what could not be done comes again (SQS)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tandem.domain.errors import AppError
from tandem.telemetry import LogEvent, warn

M = TypeVar("M", bound=BaseModel)


def queue_worker(
    message: type[M], not_done: LogEvent
) -> Callable[[Callable[[M], object]], Callable[[Mapping[str, Any], object], dict[str, Any]]]:
    """Make a Lambda handler of a function that takes one message; ``not_done`` is logged for each that failed."""

    def decorate(work: Callable[[M], object]) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
        def done(record: Mapping[str, Any]) -> bool:
            try:
                work(message.model_validate_json(record["body"]))
            except (AppError, ValidationError) as trouble:
                warn(not_done, message_id=record["messageId"], reason=str(trouble))
                return False
            return True

        def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
            failed = [record["messageId"] for record in event["Records"] if not done(record)]
            return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

        return handler

    return decorate
