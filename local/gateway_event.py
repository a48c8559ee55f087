"""API Gateway's HTTP API, payload format 2.0: from a request to the event, from the handler's answer to a response.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import json
import time
import urllib.parse
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.resolve import ACCOUNT_ID
from local.template import Route

_API_ID = "local"
_TEXT_TYPES = {"application/json", "application/javascript", "application/xml"}
IDENTITY_HEADER = "x-local-user"
DEFAULT_USER = "local"


class MalformedAnswer(Exception):
    """The handler answered what API Gateway cannot turn into a response."""


@dataclass(frozen=True)
class Request:
    """An HTTP request as it came in; header names are lower-cased, `path` is decoded, `query` is raw."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str
    protocol: str
    host: str


@dataclass(frozen=True)
class Response:
    """What goes back to the client."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)


def build_event(
    request: Request, route: Route, path_parameters: Mapping[str, str], request_id: str | None = None
) -> dict[str, Any]:
    """The event that the route's function gets."""
    headers = _joined(request.headers)
    now = time.time()
    context: dict[str, Any] = {
        "accountId": ACCOUNT_ID,
        "apiId": _API_ID,
        "domainName": request.host,
        "domainPrefix": request.host.split(".", 1)[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id or str(uuid.uuid4()),
        "routeKey": route.key,
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }
    user = _user(request.headers)
    if route.authorized and user:
        context["authorizer"] = {"iam": _iam(user)}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": False,
    }
    cookies = [part.strip() for name, value in request.headers if name == "cookie" for part in value.split(";")]
    if cookies:
        event["cookies"] = [cookie for cookie in cookies if cookie]
    if request.query:
        pairs = urllib.parse.parse_qsl(request.query, keep_blank_values=True, errors="replace")
        event["queryStringParameters"] = _joined(pairs)
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body, headers)
    return event


def _user(headers: Sequence[tuple[str, str]]) -> str:
    given = next((value for name, value in headers if name == IDENTITY_HEADER), None)
    if given is None:
        return DEFAULT_USER
    # HTTP headers arrive as latin-1; a user's name may be any text, sent as UTF-8.
    return given.encode("latin-1").decode("utf-8", errors="replace").strip()


def _iam(user: str) -> dict[str, Any]:
    return {
        "accessKey": "AKIALOCALLOCALLOCAL0",
        "accountId": ACCOUNT_ID,
        "callerId": user,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:iam::{ACCOUNT_ID}:user/{user}",
        "userId": user,
    }


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name != "cookie":
            values.setdefault(name, []).append(value)
    return {name: ",".join(parts) for name, parts in values.items()}


def _body(body: bytes, headers: Mapping[str, str]) -> tuple[str, bool]:
    media_type = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    is_text = media_type.startswith("text/") or media_type in _TEXT_TYPES
    if is_text and "content-encoding" not in headers:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            # Text that is no UTF-8 can only travel in JSON as base64.
            return base64.b64encode(body).decode(), True
    return base64.b64encode(body).decode(), True


def read_answer(answer: Any) -> Response:
    """The response that a handler's answer means. Raises MalformedAnswer (API Gateway: 500)."""
    if not isinstance(answer, Mapping) or "statusCode" not in answer:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Response(200, text.encode(), [("content-type", "application/json")])
    try:
        status = int(answer["statusCode"])
    except (TypeError, ValueError) as exc:
        raise MalformedAnswer(f"statusCode {answer['statusCode']!r} is no number") from exc
    if not 100 <= status <= 599:
        raise MalformedAnswer(f"statusCode {status} is not within 100..599")
    body = answer.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise MalformedAnswer("body is no string")
    given = answer.get("headers") or {}
    if not isinstance(given, Mapping):
        raise MalformedAnswer("headers is no object")
    headers = [(str(name).lower(), _header_text(value)) for name, value in given.items()]
    headers += [("set-cookie", str(cookie)) for cookie in answer.get("cookies") or []]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    try:
        content = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
    except ValueError as exc:
        raise MalformedAnswer("body is said to be base64 and is not") from exc
    return Response(status, content, [pair for pair in headers if pair[0] != "content-length"])


def _header_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
