"""``multipart/form-data`` read by python-multipart: text fields and files, within a documented size."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tandem.domain.errors import FieldFault, InvalidValue, MalformedRequest
from tandem.rest.request import SentFile

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 100

# It warns of every malformed body in words of its own; whoever sent it is told, and our log has the refused request.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class MultipartForm:
    """The parts of a form by their names."""

    fields: Mapping[str, str]
    files: Mapping[str, SentFile]


def read_multipart(content_type: str, content: bytes) -> MultipartForm:
    """Take a form apart. Raises MalformedRequest, or InvalidValue for a name that stands more than once."""
    boundary = parse_options_header(content_type.encode())[1].get(b"boundary")
    if not boundary:
        raise MalformedRequest("The content type multipart/form-data lacks its boundary.")
    collector = _Collector()
    try:
        parser = MultipartParser(boundary, collector.callbacks)
        parser.write(content)
        parser.finalize()
    except FormParserError as fault:
        raise MalformedRequest(f"The multipart body cannot be read: {fault}.") from fault
    if not collector.ended:
        raise MalformedRequest("The multipart body is cut off: its closing boundary is missing.")
    return collector.form()


@dataclass(slots=True)
class _Part:
    headers: dict[str, bytes] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)


class _Collector:
    """Hears of each piece of the body in its order."""

    def __init__(self) -> None:
        self.ended = False
        self._parts: list[_Part] = []
        self._header_name = bytearray()
        self._header_value = bytearray()

    @property
    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self._parts[-1].content.extend(data[start:end]),
            "on_header_begin": self._begin_header,
            "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self._parts) == MAX_PARTS:
            raise MalformedRequest(f"The multipart body has more than {MAX_PARTS} parts.")
        self._parts.append(_Part())

    def _begin_header(self) -> None:
        self._header_name.clear()
        self._header_value.clear()

    def _end_header(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._parts[-1].headers[name] = bytes(self._header_value)

    def _end(self) -> None:
        self.ended = True

    def form(self) -> MultipartForm:
        fields: dict[str, str] = {}
        files: dict[str, SentFile] = {}
        repeated: list[str] = []
        for part in self._parts:
            options = parse_options_header(part.headers.get("content-disposition", b""))[1]
            name = _utf8(options.get(b"name", b""), "name of a part")
            if name in fields or name in files:
                repeated.append(name)
            elif b"filename" in options:
                files[name] = SentFile(_utf8(options[b"filename"], "name of a file"), bytes(part.content))
            else:
                fields[name] = _utf8(bytes(part.content), f"part {name[:100]!r}")
        if repeated:
            faults = [FieldFault(name, "stands more than once in the form") for name in repeated]
            raise InvalidValue("One or more parameters are wrong.", faults)
        return MultipartForm(fields, files)


def _utf8(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise MalformedRequest(f"The {what} is not valid UTF-8.") from fault
