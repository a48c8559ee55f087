"""What every endpoint shares: identity, parameters, the envelope, and the one map from errors to HTTP statuses."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from tandem.domain.errors import (
    AppError,
    Conflict,
    DashboardPending,
    DatabaseUnavailable,
    EngineAnsweredWrongly,
    EngineAnswerLost,
    EngineRefused,
    EngineUnavailable,
    FieldFault,
    InvalidValue,
    MalformedRequest,
    NotFound,
    NotHealthy,
    SecretUnavailable,
    StorageUnavailable,
    TooLarge,
    Unauthenticated,
    UnreadableResults,
    WorkflowUnavailable,
)
from tandem.domain.identity import Owner
from tandem.rest.caller import user_of
from tandem.rest.parameters import Document, Parameters, read_parameters
from tandem.rest.request import Body, SentFile, body_of, file_body_of, language_of, query_of
from tandem.telemetry import LogEvent, log, logger

P = TypeVar("P", bound=Parameters)

JSON_TYPE = "application/json; charset=utf-8"

STATUS_OF: dict[type[AppError], int] = {
    MalformedRequest: 400,
    Unauthenticated: 401,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    InvalidValue: 422,
    EngineRefused: 502,
    EngineAnsweredWrongly: 502,
    UnreadableResults: 502,
    EngineAnswerLost: 503,
    DashboardPending: 503,
    EngineUnavailable: 503,
    DatabaseUnavailable: 503,
    WorkflowUnavailable: 503,
    NotHealthy: 503,
    SecretUnavailable: 503,
    StorageUnavailable: 503,
}
"""The status of each family of errors; a subclass has that of the nearest family above it."""


class Takes(StrEnum):
    """What an endpoint's body holds: fields, or a file (with fields beside it)."""

    FIELDS = "FIELDS"
    FILE = "FILE"


@dataclass(frozen=True, slots=True)
class Call(Generic[P]):
    """A validated request. ``user_id`` is empty for an endpoint that asks for no identity."""

    user_id: str
    parameters: P
    language: str
    sent_file: SentFile | None = None

    @property
    def owner(self) -> Owner:
        return self.parameters.owner(self.user_id)

    @property
    def file(self) -> SentFile:
        """The file that the caller has to send. Raises InvalidValue."""
        if self.sent_file is None:
            raise InvalidValue("One or more parameters are wrong.", [FieldFault("file", "is required")])
        return self.sent_file


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """A result that is the whole body of the answer, outside the envelope; ``headers`` replace the usual ones."""

    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Answer(Document):
    """A result with more beside it in the envelope; a subclass adds a field ``result`` and those."""


class Endpoint(Generic[P]):
    """A Lambda handler around a function that takes a validated call and returns the result to be shown.

    ``errors`` are those that can occur besides the ones of every endpoint; the OpenAPI document tells of them.
    """

    def __init__(
        self,
        function: Callable[[Call[P]], object],
        parameters: type[P],
        takes: Takes,
        errors: Sequence[type[AppError]],
        *,
        needs_identity: bool,
        content_type: str,
    ) -> None:
        self.function = function
        self.parameters = parameters
        self.takes = takes
        self.errors = tuple(errors)
        self.needs_identity = needs_identity
        self.content_type = content_type

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answer an API Gateway event (payload 2.0). Never raises."""
        request_id = str((event.get("requestContext") or {}).get("requestId") or "")
        try:
            result = self.function(self._call(event))
            if isinstance(result, WholeAnswer):
                answer = _response(200, result.body, self.content_type)
                return answer | {"headers": {**answer["headers"], **result.headers}}
            if isinstance(result, Answer):
                members = result.model_dump(mode="json", by_alias=True)
                return _envelope(200, {"success": True, **members, "requestId": request_id})
            return _envelope(200, {"success": True, "result": shown(result), "requestId": request_id})
        except AppError as error:
            status = status_of(type(error))
            log(LogEvent.REQUEST_REFUSED, code=error.code, status=status, request_id=request_id)
            return _envelope(status, _failure(error, request_id))
        except Exception:  # noqa: BLE001
            # The last line of defence: the caller gets an envelope, the operator the trace.
            logger.exception(LogEvent.REQUEST_FAILED, extra={"request_id": request_id})
            unexpected = AppError("Something went wrong on our side; the request id leads to the log.")
            return _envelope(500, _failure(unexpected, request_id))

    def _call(self, event: Mapping[str, Any]) -> Call[P]:
        user = user_of(event) if self.needs_identity else ""
        method = ((event.get("requestContext") or {}).get("http") or {}).get("method", "POST")
        if method == "GET":
            body = Body({}, is_text=False)
        else:
            body = body_of(event) if self.takes is Takes.FIELDS else file_body_of(event)
        parameters = read_parameters(self.parameters, query_of(event), body.fields, body_is_text=body.is_text)
        return Call(user, parameters, language_of(event), body.file)


def endpoint(
    parameters: type[P],
    *,
    takes: Takes = Takes.FIELDS,
    errors: Sequence[type[AppError]] = (),
    needs_identity: bool = True,
    content_type: str = JSON_TYPE,
) -> Callable[[Callable[[Call[P]], object]], Endpoint[P]]:
    """Make a Lambda handler of a function that takes a validated call."""
    return lambda function: Endpoint(
        function, parameters, takes, errors, needs_identity=needs_identity, content_type=content_type
    )


def status_of(kind: type[AppError]) -> int:
    """The HTTP status of a kind of errors: that of the nearest class above it in ``STATUS_OF``."""
    return next((STATUS_OF[each] for each in kind.__mro__ if each in STATUS_OF), 500)


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


def _envelope(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    return _response(status, json.dumps(body, ensure_ascii=False, allow_nan=False), JSON_TYPE)


def _response(status: int, body: str, content_type: str) -> dict[str, Any]:
    headers = {
        "content-type": content_type,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        # A page of ours needs nothing but its own style: whatever got into it could not run or call out.
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    }
    return {"statusCode": status, "headers": headers, "body": body}
