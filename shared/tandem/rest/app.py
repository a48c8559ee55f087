"""What every endpoint shares: identity, parameters, the envelope, and the one map from errors to HTTP statuses."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from tandem.domain.errors import (
    AppError,
    Conflict,
    DatabaseUnavailable,
    EngineAnsweredWrongly,
    EngineAnswerLost,
    EngineRefused,
    EngineUnavailable,
    InvalidValue,
    MalformedRequest,
    NotFound,
    TooLarge,
    Unauthenticated,
)
from tandem.domain.identity import Owner
from tandem.domain.upload import StorageUnavailable
from tandem.rest.caller import user_of
from tandem.rest.parameters import Parameters, read_parameters
from tandem.rest.request import Body, body_of, headers_of, language_of, query_of, raw_body_of
from tandem.telemetry import LogEvent, log, logger

P = TypeVar("P", bound=Parameters)

STATUS_OF: dict[type[AppError], int] = {
    MalformedRequest: 400,
    Unauthenticated: 401,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    InvalidValue: 422,
    EngineRefused: 502,
    EngineAnsweredWrongly: 502,
    EngineAnswerLost: 503,
    EngineUnavailable: 503,
    DatabaseUnavailable: 503,
    StorageUnavailable: 503,
}
"""The status of each family of errors; a subclass has that of the nearest family above it."""


@dataclass(frozen=True, slots=True)
class Call(Generic[P]):
    """A validated request. ``content`` is the raw body, for endpoints that take a file."""

    user_id: str
    parameters: P
    language: str
    content: bytes
    headers: Mapping[str, str]

    @property
    def owner(self) -> Owner:
        return self.parameters.owner(self.user_id)


class Endpoint(Generic[P]):
    """A Lambda handler around a function that takes a validated call and returns the result to be shown."""

    def __init__(self, function: Callable[[Call[P]], object], parameters: type[P], *, takes_file: bool) -> None:
        self.function = function
        self.parameters = parameters
        self.takes_file = takes_file

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answer an API Gateway event (payload 2.0). Never raises."""
        request_id = str((event.get("requestContext") or {}).get("requestId") or "")
        try:
            result = self.function(self._call(event))
        except AppError as error:
            status = status_of(error)
            log(LogEvent.REQUEST_REFUSED, code=error.code, status=status, request_id=request_id)
            return _response(status, _failure(error, request_id))
        except Exception:  # noqa: BLE001
            # The last line of defence: the caller gets an envelope, the operator the trace.
            logger.exception(LogEvent.REQUEST_FAILED, extra={"request_id": request_id})
            unexpected = AppError("Something went wrong on our side; the request id leads to the log.")
            return _response(500, _failure(unexpected, request_id))
        return _response(200, {"success": True, "result": shown(result), "requestId": request_id})

    def _call(self, event: Mapping[str, Any]) -> Call[P]:
        user = user_of(event)
        method = ((event.get("requestContext") or {}).get("http") or {}).get("method", "POST")
        has_fields = method != "GET" and not self.takes_file
        body = body_of(event) if has_fields else Body({}, is_text=False)
        parameters = read_parameters(self.parameters, query_of(event), body.fields, body_is_text=body.is_text)
        content = raw_body_of(event) if self.takes_file else b""
        return Call(user, parameters, language_of(event), content, headers_of(event))


def endpoint(parameters: type[P], *, takes_file: bool = False) -> Callable[[Callable[[Call[P]], object]], Endpoint[P]]:
    """Make a Lambda handler of a function that takes a validated call."""
    return lambda function: Endpoint(function, parameters, takes_file=takes_file)


def status_of(error: AppError) -> int:
    """The HTTP status of an error: that of the nearest class above it in ``STATUS_OF``."""
    return next((STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF), 500)


def shown(result: object) -> object:
    """A result as plain JSON: models by their aliases."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json", by_alias=True)
    if isinstance(result, list | tuple):
        return [shown(each) for each in result]
    return result


def _failure(error: AppError, request_id: str) -> dict[str, Any]:
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        told["details"] = [{"field": fault.field, "message": fault.message} for fault in error.details]
    return {"success": False, "result": None, "error": told, "requestId": request_id}


def _response(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body, ensure_ascii=False)}
