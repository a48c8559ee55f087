"""Rows of a JTL by Python's csv module: the way of reading that defines what is right."""

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from tandem_samples import SampleKind, SampleSorter, SortedSample

from tandem.adapters.jtl.layout import Layout
from tandem.adapters.jtl.long_record import start_of_a_record
from tandem.adapters.jtl.values import (
    MAX_BYTES_DIGITS,
    MAX_ELAPSED_DIGITS,
    MAX_STAMP_DIGITS,
    MAX_THREADS_DIGITS,
    decoded,
    error_kind,
    label_text,
    whole_number,
)
from tandem.domain.samples import ErrorKind, LabelKey

_LONGEST_FIELD = 8 << 20
# The module's own limit of 128 KiB is less than a failure message can be; what is longer than a piece is cut before.
csv.field_size_limit(_LONGEST_FIELD)


class Row(NamedTuple):
    """One sample: start in epoch ms, latency in ms. What the file has no column for is None.

    ``error`` is None for a sample that succeeded; ``failed`` is None when the file does not say. ``sorted`` tells what
    the row is and whether it counts as load.
    """

    start: int
    elapsed: int
    label: LabelKey | None
    sorted: SortedSample
    failed: bool | None
    error: ErrorKind | None
    received: int | None
    sent: int | None
    threads: int | None


class RowBlock(NamedTuple):
    """The rows of a piece of a file, the records skipped in it, and how many of its bytes were whole records."""

    rows: list[Row]
    skipped: int
    consumed: int


class _Lines:
    """The lines of a text, remembering whether more were asked for than there are."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = iter(lines)
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self._lines)
        except StopIteration:
            self.exhausted = True
            raise


def parse_rows(data: bytes, layout: Layout, sorter: SampleSorter) -> RowBlock:
    """The rows in a piece of a file that begins at the start of a record.

    A record at the end that is not whole is left to the next piece. One that cannot be used (wrong number of fields, a
    field that does not hold what it must, a quote that is not closed as it must be) is skipped; reading goes on with
    the next line, or with the first that looks like a record among those that an open quote has swallowed.
    """
    # Latin-1 maps each byte to one character, so invalid UTF-8 cannot move a field's border.
    lines = list(io.StringIO(data[: data.rfind(b"\n") + 1].decode("latin-1"), newline="\n"))
    rows: list[Row] = []
    skipped = whole_lines = 0
    begun_at: int | None = 0
    while begun_at is not None:
        source = _Lines(lines[begun_at:])
        reader = csv.reader(source, delimiter=layout.delimiter, strict=True)
        first, begun_at = begun_at, None
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                break
            except csv.Error:
                if source.exhausted:
                    break
                skipped += 1
                begun_at = _record_within(lines, whole_lines + 1, first + reader.line_num, layout)
                if begun_at is not None:
                    whole_lines = begun_at
                    break
            else:
                row = _row(fields, layout, sorter)
                if row is not None:
                    rows.append(row)
                elif fields and tuple(fields) != layout.names:
                    # The header once more, where files were put one behind the other, is no record.
                    skipped += 1
            whole_lines = first + reader.line_num
    return RowBlock(rows, skipped, sum(map(len, lines[:whole_lines])))


def _record_within(lines: list[str], start: int, stop: int, layout: Layout) -> int | None:
    """The first line that looks like a record, among those that a quote has swallowed that nobody closed."""
    if start >= stop:
        return None
    looks = re.compile(start_of_a_record(layout).decode("latin-1"))
    return next((number for number in range(start, stop) if looks.match(lines[number])), None)


def _row(fields: list[str], layout: Layout, sorter: SampleSorter) -> Row | None:
    if len(fields) != layout.width:
        return None
    start = whole_number(fields[layout.time_stamp], MAX_STAMP_DIGITS)
    elapsed = whole_number(fields[layout.elapsed], MAX_ELAPSED_DIGITS)
    received = sent = threads = failed = None
    if start is None or elapsed is None:
        return None
    if layout.received is not None and (received := whole_number(fields[layout.received], MAX_BYTES_DIGITS)) is None:
        return None
    if layout.sent is not None and (sent := whole_number(fields[layout.sent], MAX_BYTES_DIGITS)) is None:
        return None
    if layout.threads is not None and (threads := whole_number(fields[layout.threads], MAX_THREADS_DIGITS)) is None:
        return None
    if layout.success is not None:
        outcome = fields[layout.success].lower()
        if outcome not in ("true", "false"):
            return None
        failed = outcome == "false"

    def text(column: int | None) -> str:
        return "" if column is None else fields[column]

    label, message = label_text(text(layout.label)), text(layout.message)
    # Without its label a row without a message tells nothing.
    said = None if layout.message is None or (layout.label is None and not message) else message
    found = sorter.sort(label, said, decoded(text(layout.thread_name)), start, elapsed, threads)
    return Row(
        start=start,
        elapsed=elapsed,
        label=None if layout.label is None else _label_key(label, found.kind),
        sorted=found,
        failed=failed,
        error=error_kind(text(layout.code), message, text(layout.failure_message)) if failed else None,
        received=received,
        sent=sent,
        threads=threads,
    )


def _label_key(label: str, kind: SampleKind) -> LabelKey:
    return LabelKey(label, kind is SampleKind.TRANSACTION, kind is SampleKind.SUB_RESULT)
