"""An API Gateway event (HTTP API, payload 2.0) taken apart: query, body and headers, or a clear refusal."""

import base64
import binascii
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import from_json

from tandem.domain.errors import FieldFault, InvalidValue, MalformedRequest, TooLarge

MAX_FIELDS = 1_000
MAX_BODY_BYTES = 4 * 1024 * 1024
"""Of a body or a file in it: API Gateway and Lambda let 6 MB through, with base64 around it (http-api.md)."""

MAX_FORM_BYTES = 64 * 1024
"""Of a form: its parser takes some 200 bytes of memory for one of the text."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_MULTIPART_FRAME_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as the caller sent it; ``name`` is None when the body is the file itself."""

    name: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """Fields of a body; ``is_text``: they stood in a form, so each value is text. ``file`` may come beside them."""

    fields: Mapping[str, Any]
    is_text: bool
    file: SentFile | None = None


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


def content_type_of(event: Mapping[str, Any]) -> str:
    """The body's media type in lower case, without parameters; empty when there is none."""
    return headers_of(event).get("content-type", "").split(";")[0].strip().lower()


def body_of(event: Mapping[str, Any]) -> Body:
    """The fields of a JSON object or a form. Raises MalformedRequest, TooLarge."""
    raw = raw_body_of(event)
    if len(raw) > MAX_BODY_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    if not raw.strip():
        return Body({}, is_text=False)
    content_type = content_type_of(event) or JSON
    if content_type == FORM:
        if len(raw) > MAX_FORM_BYTES:
            raise TooLarge(f"The form is larger than {MAX_FORM_BYTES} bytes; a JSON body may be larger.")
        return Body(_pairs(_utf8(raw), "form"), is_text=True)
    if content_type != JSON and not content_type.endswith("+json"):
        raise MalformedRequest(f"The content type must be {JSON} or {FORM}, not {content_type[:100]!r}.")
    try:
        # pydantic's parser has a depth limit of its own and takes no lone surrogates.
        fields = from_json(_utf8(raw), allow_inf_nan=False)
    except ValueError as fault:
        raise MalformedRequest(f"The body is not valid JSON: {fault}.") from fault
    if not isinstance(fields, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return Body(fields, is_text=False)


def file_body_of(event: Mapping[str, Any]) -> Body:
    """A file, with the fields beside it: the part ``file`` of a form, or the whole body.

    Raises MalformedRequest, TooLarge.
    """
    raw = raw_body_of(event)
    if content_type_of(event) != MULTIPART:
        _refuse_large_file(raw)
        if content_type_of(event) in {JSON, FORM}:
            raise MalformedRequest(f"The content type must be {MULTIPART}, or that of the file itself.")
        return Body({}, is_text=True, file=SentFile(None, raw) if raw else None)
    if len(raw) > MAX_BODY_BYTES + _MULTIPART_FRAME_BYTES:
        _refuse_large_file(raw)
    # Imported here: only the functions that take files read forms with parts.
    from tandem.rest.multipart import read_multipart

    form = read_multipart(headers_of(event).get("content-type", ""), raw)
    file = form.files.get("file")
    if file is not None:
        _refuse_large_file(file.content)
    return Body(form.fields, is_text=True, file=file)


def _refuse_large_file(content: bytes) -> None:
    if len(content) > MAX_BODY_BYTES:
        raise TooLarge(
            f"The file is larger than {MAX_BODY_BYTES} bytes; CreateUploadUrl takes larger ones (docs/api.md)."
        )


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
    repeated = sorted(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
    if repeated:
        raise InvalidValue(
            "One or more parameters are wrong.",
            [FieldFault(name, f"stands more than once in the {where}") for name in repeated],
        )
    fields.update(pairs)
    return fields
