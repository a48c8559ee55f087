"""Which column of a JTL holds what, as its first line says.

JMeter writes a header unless it appends to a file or ``jmeter.save.saveservice.print_field_names`` is off, and any
subset of columns as ``jmeter.save.saveservice.*`` asks (JMeter component reference, "Sample Result Save Configuration";
https://jmeter.apache.org/usermanual/listeners.html#csvlogformat names the default columns and the delimiter).
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

from tandem.domain.errors import UnreadableResults

DEFAULT_COLUMNS = (
    "timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "dataType", "success",
    "failureMessage", "bytes", "sentBytes", "grpThreads", "allThreads", "URL", "Latency", "IdleTime", "Connect",
)  # fmt: skip

_NEEDED = ("timeStamp", "elapsed")
_DELIMITERS = (",", ";", "\t", "|")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DATE_OR_TIME = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d{2}")
_EPOCH_SECONDS = re.compile(r"[1-9]\d{8,9}")
_FRACTION = re.compile(r"\d+\.\d+")
_OTHER_DELIMITER = re.compile(r"timeStamp([^\w\s\"'.])")


@dataclass(frozen=True, slots=True)
class Layout:
    """The delimiter, the names of all columns and the index of each one that the analysis uses (None: not there)."""

    delimiter: str
    names: tuple[str, ...]
    time_stamp: int
    elapsed: int
    label: int | None
    code: int | None
    message: int | None
    failure_message: int | None
    success: int | None
    received: int | None
    sent: int | None
    threads: int | None
    thread_name: int | None

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names)


_USED = tuple(column.name for column in fields(Layout) if column.name not in ("delimiter", "names"))


class Told(NamedTuple):
    """Which figures of a whole run are known: those for which each of its files with samples has a column."""

    label: bool
    success: bool
    received: bool
    sent: bool
    threads: bool
    thread_name: bool


def told_by(layouts: Iterable[Layout]) -> Told:
    """What is known of a run whose files with samples are laid out so; everything of a run without samples."""
    known = list(layouts)
    return Told(
        label=all(layout.label is not None for layout in known),
        success=all(layout.success is not None for layout in known),
        received=all(layout.received is not None for layout in known),
        sent=all(layout.sent is not None for layout in known),
        threads=all(layout.threads is not None for layout in known),
        thread_name=all(layout.thread_name is not None for layout in known),
    )


def refuse_other_formats(start: bytes) -> None:
    """Raise UnreadableResults when a file begins like XML (JMeter's other format), a web page, gzip or UTF-16."""
    if start.startswith(_GZIP):
        raise UnreadableResults("The result file is compressed. Only JTL in plain CSV can be read.")
    if start.startswith(_UTF_16):
        raise UnreadableResults("The result file is in UTF-16. Only JTL in UTF-8, as JMeter writes it, can be read.")
    if start.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"<"):
        raise UnreadableResults(
            "The result file is XML or HTML. Only JTL in CSV can be read: "
            "set jmeter.save.saveservice.output_format=csv."
        )


def layout_of(first_line: bytes) -> tuple[Layout, int]:
    """The layout that a file's first line (with its line end) tells, and how many of its bytes are no data.

    Raises UnreadableResults for a header without a needed column.
    """
    mark = len(_BYTE_ORDER_MARK) if first_line.startswith(_BYTE_ORDER_MARK) else 0
    text = first_line[mark:].decode("latin-1").rstrip("\r\n")
    # Any sign may be JMeter's delimiter (jmeter.save.saveservice.default_delimiter); the header shows which.
    shown = _OTHER_DELIMITER.match(text)
    for delimiter in (*_DELIMITERS, *(shown.groups() if shown is not None and text.isascii() else ())):
        names = _fields(text, delimiter)
        if len(set(names) & set(DEFAULT_COLUMNS)) > 1 or names in (["timeStamp"], ["elapsed"]):
            missing = [name for name in _NEEDED if name not in names]
            if missing:
                raise UnreadableResults(f"The result file has no column {' and '.join(missing)}.")
            return _layout(delimiter, names), len(first_line)
    return DEFAULT_LAYOUT, mark


def refuse_other_times(first_record: bytes, layout: Layout) -> None:
    """Raise UnreadableResults when the first line of data stamps its sample with a date, or in seconds.

    JMeter does so when jmeter.save.saveservice.timestamp_format is another than ms; which zone such a date is in the
    file does not say.
    """
    first = _fields(first_record.decode("latin-1").rstrip("\r\n"), layout.delimiter)
    stamp = first[layout.time_stamp] if layout.time_stamp < len(first) else ""
    if _DATE_OR_TIME.search(stamp) or _EPOCH_SECONDS.fullmatch(stamp) or _FRACTION.fullmatch(stamp):
        raise UnreadableResults(
            f"The result file's timeStamp is {stamp[:40]!r} and not in whole milliseconds since 1970: "
            "set jmeter.save.saveservice.timestamp_format=ms."
        )


def is_whole_without_its_line_end(last: bytes, layout: Layout) -> bool:
    """Whether the last record of a file, which has no line end, certainly holds all that the figures need.

    It has all columns, and what may be missing at its end is of a column that no figure uses, or cannot be missing.
    """
    used = {getattr(layout, column) for column in _USED} - {layout.success}
    if layout.width - 1 in used:
        return False
    try:
        rows = list(
            csv.reader(io.StringIO(last.decode("latin-1"), newline=""), delimiter=layout.delimiter, strict=True)
        )
    except csv.Error:
        return False
    if len(rows) != 1 or len(rows[0]) != layout.width:
        return False
    return layout.success != layout.width - 1 or rows[0][-1].lower() in ("true", "false")


def _fields(line: str, delimiter: str) -> list[str]:
    """A line's fields; none of a line that is no CSV at all."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _layout(delimiter: str, names: list[str]) -> Layout:
    def index(name: str) -> int | None:
        return names.index(name) if name in names else None

    return Layout(
        delimiter=delimiter,
        names=tuple(names),
        time_stamp=names.index("timeStamp"),
        elapsed=names.index("elapsed"),
        label=index("label"),
        code=index("responseCode"),
        message=index("responseMessage"),
        failure_message=index("failureMessage"),
        success=index("success"),
        received=index("bytes"),
        sent=index("sentBytes"),
        threads=index("allThreads"),
        thread_name=index("threadName"),
    )


DEFAULT_LAYOUT = _layout(",", list(DEFAULT_COLUMNS))
"""Of a file without a header."""
