"""An API Gateway event (HTTP API, payload 2.0) taken apart: query, body and headers, or a clear refusal."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import from_json

from tandem.domain.errors import FieldFault, InvalidValue, MalformedRequest

MAX_FIELDS = 1_000
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Body:
    """Fields of a body; ``is_text``: they stood in a form, so each value is text."""

    fields: Mapping[str, Any]
    is_text: bool


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Header names in lower case, whatever the caller of the function did."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def query_of(event: Mapping[str, Any]) -> dict[str, str]:
    """The query's fields. Raises MalformedRequest, or InvalidValue for a repeated key."""
    return _pairs(event.get("rawQueryString") or "", "query string")


def raw_body_of(event: Mapping[str, Any]) -> bytes:
    """The body's bytes. Raises MalformedRequest when its base64 is broken."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as fault:
        raise MalformedRequest("The body is not valid base64.") from fault


def body_of(event: Mapping[str, Any]) -> Body:
    """The fields of a JSON object or a form. Raises MalformedRequest."""
    raw = raw_body_of(event)
    if not raw.strip():
        return Body({}, is_text=False)
    content_type = headers_of(event).get("content-type", JSON).split(";")[0].strip().lower()
    if content_type == FORM:
        return Body(_pairs(_utf8(raw), "form"), is_text=True)
    if content_type not in {JSON, ""} and not content_type.endswith("+json"):
        raise MalformedRequest(f"The content type must be {JSON} or {FORM}, not {content_type[:100]!r}.")
    try:
        # pydantic's parser has a depth limit of its own and takes no lone surrogates.
        fields = from_json(_utf8(raw), allow_inf_nan=False)
    except ValueError as fault:
        raise MalformedRequest(f"The body is not valid JSON: {fault}.") from fault
    if not isinstance(fields, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return Body(fields, is_text=False)


def language_of(event: Mapping[str, Any]) -> str:
    """``en`` when the caller likes English best, else ``zh`` (http-api.md)."""
    ranges = []
    for part in headers_of(event).get("accept-language", "").split(","):
        tag, _, quality = part.partition(";q=")
        try:
            ranges.append((float(quality or 1), tag.strip().lower()))
        except ValueError:
            continue
    best = max(ranges, key=lambda each: each[0], default=(0.0, ""))[1]
    return "en" if best.split("-")[0] == "en" else "zh"


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise MalformedRequest("The body is not valid UTF-8.") from fault


def _pairs(text: str, where: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError as fault:
        raise MalformedRequest(f"The {where} is not valid UTF-8.") from fault
    except ValueError as fault:
        raise MalformedRequest(f"The {where} has more than {MAX_FIELDS} fields.") from fault
    fields: dict[str, str] = {}
    repeated = sorted({name for name, _ in pairs if sum(each == name for each, _ in pairs) > 1})
    if repeated:
        raise InvalidValue(
            "One or more parameters are wrong.",
            [FieldFault(name, f"stands more than once in the {where}") for name in repeated],
        )
    fields.update(pairs)
    return fields
