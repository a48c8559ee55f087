"""Splits a piece of a JTL into fields by numpy, and reads the numbers in them.

It takes only what it can prove to be split as the csv module does. Words of eight bytes are turned into numbers at
once.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tandem.adapters.jtl.layout import Layout

Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.uint64]

PADDING = b"\0" * 16
"""Must stand before and after the bytes to split, so that a word may be loaded at the edge of any field."""

_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
_ZEROS, _ABOVE_NINE, _HIGH_BITS = (np.uint64(int(digit * 8, 16)) for digit in ("30", "76", "80"))
_LAST_BYTES = np.array([0] + [2**64 - 2 ** (64 - 8 * width) for width in range(1, 9)], np.uint64)


@dataclass(frozen=True, slots=True)
class Table:
    """The borders of all fields: ``ends[row, column]`` in ``data``; a field begins after the one before it."""

    data: bytes
    codes: NDArray[np.uint8]
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


def split_table(data: bytes, layout: Layout) -> Table | None:
    """The fields of the whole records in ``data`` (between its PADDING); None: read it as rows."""
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
            if not newlines.any():
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
    last_ends = line_ends - (codes[line_ends - 1] == _RETURN)
    words: Words = np.ndarray((len(data) - 7,), "<u8", data, 0, (1,))
    return Table(data, codes, words, ends, row_starts, last_ends)


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


def numbers(table: Table, column: int, max_digits: int) -> Integers | None:
    """The whole numbers that a column holds; None when a field holds anything else, or more digits."""
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
