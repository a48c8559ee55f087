"""Splits a piece of a JTL into columns by numpy: the fast way of reading.

It takes only what it can prove to read as the csv module does, and answers None for the rest: then the caller reads the
same piece by ``rows.parse_rows``. Words of eight bytes are compared and turned into numbers at once.
"""

import csv
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.adapters.jtl.interner import Fields, Interner
from tandem.adapters.jtl.kinds import ErrorKinds, Labels
from tandem.adapters.jtl.layout import Layout
from tandem.adapters.jtl.rows import RowBlock
from tandem.adapters.jtl.values import (
    MAX_BYTES_DIGITS,
    MAX_ELAPSED_DIGITS,
    MAX_STAMP_DIGITS,
    MAX_THREADS_DIGITS,
    TRANSACTION_MESSAGE,
    decoded,
    error_kind,
)
from tandem.domain.samples import LabelKey

Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.uint64]

PADDING = b"\0" * 16
"""Must stand before and after the bytes to split, so that a word may be loaded at the edge of any field."""

_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
_ZEROS, _ABOVE_NINE, _HIGH_BITS = (np.uint64(int(digit * 8, 16)) for digit in ("30", "76", "80"))
_LAST_BYTES = np.array([0] + [2**64 - 2 ** (64 - 8 * width) for width in range(1, 9)], np.uint64)
_TRUE, _FALSE = (np.uint64(int.from_bytes(word, "little")) for word in (b"true", b"false"))
_LOWER_FOUR, _LOWER_FIVE = np.uint64(0x20202020), np.uint64(0x2020202020)
_FOUR_BYTES, _FIVE_BYTES = np.uint64(2**32 - 1), np.uint64(2**40 - 1)
_TRANSACTION_WORDS = np.frombuffer(TRANSACTION_MESSAGE.encode(), "<u8")
_QUOTED_TRANSACTION_WORD = np.uint64(int.from_bytes(b'"' + TRANSACTION_MESSAGE[:7].encode(), "little"))


class ColumnBlock(NamedTuple):
    """Samples as columns; ``label`` holds ids of Labels. What the file has no column for is None.

    ``transaction`` is None when no row is a Transaction Controller's.
    """

    start: Integers
    elapsed: Integers
    label: Integers | None
    transaction: Flags | None
    failed: Flags | None
    received: Integers | None
    sent: Integers | None
    threads: Integers | None


@dataclass(frozen=True, slots=True)
class _Table:
    """The borders of all fields: ``ends[row, column]`` in ``data``; a field begins after the one before it."""

    data: bytes
    words: Words
    ends: Integers
    row_starts: Integers
    last_ends: Integers

    def field(self, column: int) -> tuple[Integers, Integers]:
        start = self.row_starts if column == 0 else self.ends[:, column - 1] + 1
        end = self.last_ends if column == self.ends.shape[1] - 1 else self.ends[:, column]
        return start, end

    def text(self, column: int | None, row: int) -> str:
        """A field as the csv module would give it, split as Latin-1."""
        if column is None:
            return ""
        start, end = self.field(column)
        raw = self.data[start[row] : end[row]].decode("latin-1")
        return raw[1:-1].replace('""', '"') if raw.startswith('"') else raw


def split_columns(
    data: bytes, layout: Layout, labels: Labels, errors: ErrorKinds, interners: tuple[Interner, Interner]
) -> tuple[ColumnBlock, int] | None:
    """The samples in ``data`` (between its PADDING), and how many bytes were whole records; None: read it as rows.

    ``labels`` and ``errors`` are told of what was found only when the whole piece could be read.
    """
    table = _split(data, layout)
    if table is None:
        return None
    stamps = _numbers(table, layout.time_stamp, MAX_STAMP_DIGITS)
    elapsed = _numbers(table, layout.elapsed, MAX_ELAPSED_DIGITS)
    if stamps is None or elapsed is None:
        return None
    counts: list[Integers | None] = []
    for column, digits in (
        (layout.received, MAX_BYTES_DIGITS),
        (layout.sent, MAX_BYTES_DIGITS),
        (layout.threads, MAX_THREADS_DIGITS),
    ):
        numbers = None if column is None else _numbers(table, column, digits)
        if column is not None and numbers is None:
            return None
        counts.append(numbers)
    failed = None
    if layout.success is not None:
        failed = _failed(table, layout.success)
        if failed is None:
            return None
    transaction = None if layout.message is None else _transactions(table, layout.message)
    block = ColumnBlock(
        stamps, elapsed, _label_ids(table, layout, transaction, labels, interners[0]), transaction, failed, *counts
    )
    if failed is not None:
        _count_errors(table, layout, failed if transaction is None else failed & ~transaction, errors, interners[1])
    return block, int(table.ends[-1, -1]) + 1 - len(PADDING) if len(table.ends) else 0


def block_of_rows(found: RowBlock, layout: Layout, labels: Labels, errors: ErrorKinds) -> ColumnBlock:
    """Rows that the csv module read, as columns."""
    rows = found.rows
    for row in rows:
        if row.error is not None and not row.transaction:
            errors.add(row.error, 1)

    def integers(values: list[int | None]) -> Integers:
        return np.array(values, np.int64)

    transaction = np.array([row.transaction for row in rows], np.bool_)
    return ColumnBlock(
        start=np.array([row.start for row in rows], np.int64),
        elapsed=np.array([row.elapsed for row in rows], np.int64),
        label=None
        if layout.label is None
        else np.array([-1 if row.label is None else labels.id_of(row.label) for row in rows], np.int64),
        transaction=transaction if transaction.any() else None,
        failed=None if layout.success is None else np.array([row.failed for row in rows], np.bool_),
        received=None if layout.received is None else integers([row.received for row in rows]),
        sent=None if layout.sent is None else integers([row.sent for row in rows]),
        threads=None if layout.threads is None else integers([row.threads for row in rows]),
    )


def _split(data: bytes, layout: Layout) -> _Table | None:
    first = len(PADDING)
    stop = data.rfind(b"\n", first, len(data) - first) + 1
    if stop <= first:
        return None
    codes = np.frombuffer(data, np.uint8, stop)
    newlines = codes == _NEWLINE
    separators = codes == ord(layout.delimiter)
    quotes = np.flatnonzero(codes == _QUOTE) if data.find(b'"', first, stop) >= 0 else np.empty(0, np.int64)
    if not _well_quoted(codes, quotes, ord(layout.delimiter)) or not _well_ended(data, codes, quotes):
        return None
    if len(quotes):
        lengths = np.append(quotes, stop)[1 : len(quotes) + 1 : 2] - quotes[0::2]
        within = np.repeat(quotes[0::2] - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
        newlines[within] = False
        separators[within] = False
        if not newlines[-1]:  # the last quote opens a field that this piece does not close
            begun = int(np.argmax(newlines[::-1]))
            if not newlines.any() or begun >= csv.field_size_limit():
                return None
            newlines, separators = newlines[:-begun], separators[:-begun]
    separators |= newlines
    rows = int(np.count_nonzero(newlines))
    ends: Integers = np.flatnonzero(separators)
    if len(ends) != rows * layout.width:
        return None
    ends = ends.reshape(rows, layout.width)
    line_ends = ends[:, -1]
    if not (codes[line_ends] == _NEWLINE).all():
        return None
    row_starts = np.empty(rows, np.int64)
    row_starts[0] = first
    row_starts[1:] = line_ends[:-1] + 1
    if int((line_ends - row_starts).max()) >= csv.field_size_limit():
        return None
    last_ends = line_ends - (codes[line_ends - 1] == _RETURN)
    words: Words = np.ndarray((len(data) - 7,), "<u8", data, 0, (1,))
    return _Table(data, words, ends, row_starts, last_ends)


def _well_quoted(codes: NDArray[np.uint8], quotes: Integers, delimiter: int) -> bool:
    """Whether each quote opens a field, closes one, or is doubled within one: all that the csv module needs.

    The last one may open a field that ends in the next piece.
    """
    opening, closing = quotes[0::2], quotes[1::2]
    before, after = codes[opening - 1], codes[closing + 1]
    opens = (before == delimiter) | (before == _NEWLINE) | (opening == len(PADDING))
    closes = (after == delimiter) | (after == _NEWLINE) | (after == _RETURN)
    followed = closing[: len(opening) - 1]
    doubled = followed + 1 == opening[1:]
    opens[1:] |= doubled
    closes[: len(followed)] |= doubled
    return bool(opens.all() and closes.all())


def _well_ended(data: bytes, codes: NDArray[np.uint8], quotes: Integers) -> bool:
    """Whether each carriage return outside quotes belongs to a line end."""
    if data.find(b"\r", len(PADDING), len(codes)) < 0:
        return True
    returns = np.flatnonzero(codes == _RETURN)
    outside = returns[np.searchsorted(quotes, returns) % 2 == 0]
    return bool((codes[outside + 1] == _NEWLINE).all())


def _numbers(table: _Table, column: int, max_digits: int) -> Integers | None:
    start, end = table.field(column)
    width = end - start
    shortest, longest = int(width.min()), int(width.max())
    if shortest < 1 or longest > max_digits:
        return None
    low = _eight_digits(table.words[end - 8], np.minimum(width, 8))
    if low is None or longest <= 8:
        return low
    high = _eight_digits(table.words[end - 16], np.maximum(width - 8, 0))
    return None if high is None else high * 100_000_000 + low


def _eight_digits(words: Words, width: Integers) -> Integers | None:
    """The numbers in the last ``width`` bytes of each word; None unless all are digits.

    Folds neighbouring digits, pairs and fours with one multiplication each ("SIMD within a register"; Lemire, "Quickly
    parsing eight digits", 2018).
    """
    digits = (words ^ _ZEROS) & _LAST_BYTES[width]
    if (((digits + _ABOVE_NINE) | digits) & _HIGH_BITS).any():
        return None
    digits *= np.uint64(10 * 2**8 + 1)
    digits >>= np.uint64(8)
    digits &= np.uint64(0x00FF00FF00FF00FF)
    digits *= np.uint64(100 * 2**16 + 1)
    digits >>= np.uint64(16)
    digits &= np.uint64(0x0000FFFF0000FFFF)
    digits *= np.uint64(10_000 * 2**32 + 1)
    digits >>= np.uint64(32)
    return digits.view(np.int64)


def _failed(table: _Table, column: int) -> Flags | None:
    start, end = table.field(column)
    width = end - start
    words = table.words[start]
    succeeded = (((words & _FOUR_BYTES) | _LOWER_FOUR) == _TRUE) & (width == 4)
    failed = (((words & _FIVE_BYTES) | _LOWER_FIVE) == _FALSE) & (width == 5)
    return failed if (succeeded | failed).all() else None


def _transactions(table: _Table, column: int) -> Flags | None:
    start, _ = table.field(column)
    first = table.words[start]
    quoted = first == _QUOTED_TRANSACTION_WORD
    found: Flags = quoted | (first == _TRANSACTION_WORDS[0])
    rows = np.flatnonzero(found)
    begin = start + quoted
    for word, text in enumerate(_TRANSACTION_WORDS):
        rows = rows[table.words[np.minimum(begin[rows] + 8 * word, len(table.words) - 1)] == text]
    found[:] = False
    found[rows] = True
    return found if len(rows) else None


def _label_ids(
    table: _Table, layout: Layout, transaction: Flags | None, labels: Labels, interner: Interner
) -> Integers | None:
    column = layout.label
    if column is None:
        return None

    def id_of(row: int) -> int:
        is_transaction = transaction is not None and bool(transaction[row])
        return labels.id_of(LabelKey(decoded(table.text(column, row)), is_transaction))

    marks = None if transaction is None else transaction.astype(np.int64)
    return interner.ids(Fields(table.data, table.words, [table.field(column)], marks), id_of)


def _count_errors(table: _Table, layout: Layout, failed: Flags, errors: ErrorKinds, interner: Interner) -> None:
    rows = np.flatnonzero(failed)
    if not len(rows):
        return

    def id_of(position: int) -> int:
        row = int(rows[position])
        code, message, reason = (
            table.text(column, row) for column in (layout.code, layout.message, layout.failure_message)
        )
        return errors.id_of(error_kind(code, message, reason))

    columns = [c for c in (layout.code, layout.message, layout.failure_message) if c is not None]
    borders = [(start[rows], end[rows]) for start, end in map(table.field, columns)]
    if not borders:
        errors.add(error_kind("", "", ""), len(rows))
        return
    ids = interner.ids(Fields(table.data, table.words, borders, None), id_of)
    for number, count in enumerate(np.bincount(ids + 1).tolist(), -1):
        errors.add_to(number, count)
