"""Events as API Gateway's HTTP API (payload 2.0) gives them to a function."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"
_BOUNDARY = "----tandem-7f3a"


@dataclass(frozen=True)
class Caller:
    """Who calls, as the authorizer says; ``jwt`` instead of IAM. ``headers`` are the caller's own."""

    user: str | None = "alice"
    jwt: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    def authorizer(self) -> dict[str, Any] | None:
        if self.user is None:
            return None
        return {"jwt": {"claims": {"sub": self.user}}} if self.jwt else {"iam": {"userId": self.user}}


ALICE = Caller()


def event(
    method: str,
    *,
    caller: Caller = ALICE,
    query: Mapping[str, object] | str = "",
    body: str | bytes | None = None,
    content_type: str | None = None,
    as_base64: bool = False,
) -> dict[str, Any]:
    """One request. ``query`` is raw when it is text; bytes always travel as base64."""
    raw_query = query if isinstance(query, str) else urlencode({name: str(value) for name, value in query.items()})
    headers = dict(caller.headers)
    if content_type is not None:
        headers["content-type"] = content_type
    context: dict[str, Any] = {
        "requestId": "request-1",
        "http": {"method": method, "path": "/x", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
        "routeKey": f"{method} /x",
        "stage": "$default",
    }
    if (authorizer := caller.authorizer()) is not None:
        context["authorizer"] = authorizer
    made: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "/x",
        "rawQueryString": raw_query,
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if isinstance(body, bytes) or (body is not None and as_base64):
        raw = body if isinstance(body, bytes) else body.encode()
        made |= {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
    elif body is not None:
        made["body"] = body
    return made


def get(query: Mapping[str, object] | str = "", caller: Caller = ALICE) -> dict[str, Any]:
    return event("GET", caller=caller, query=query)


def post(fields: object, caller: Caller = ALICE, query: Mapping[str, object] | str = "") -> dict[str, Any]:
    """Fields as JSON."""
    return event("POST", caller=caller, query=query, body=json.dumps(fields), content_type="application/json")


def post_form(fields: Mapping[str, object] | str, caller: Caller = ALICE) -> dict[str, Any]:
    """Fields as a form: API Gateway hands it over in base64."""
    text = fields if isinstance(fields, str) else urlencode({name: str(value) for name, value in fields.items()})
    return event("POST", caller=caller, body=text.encode(), content_type=FORM)


def post_file(
    content: bytes, name: str | None = "plan.jmx", caller: Caller = ALICE, fields: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A file as the part ``file`` of a multipart form, with fields beside it."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in (fields or {}).items()
    ]
    if name is not None:
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        parts.append(head.encode() + b"Content-Type: application/xml\r\n\r\n" + content + b"\r\n")
    body = b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
    return event("POST", caller=caller, body=body, content_type=f"multipart/form-data; boundary={_BOUNDARY}")
