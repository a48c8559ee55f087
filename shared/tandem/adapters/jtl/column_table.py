"""Splits a piece of a JTL into fields by numpy, and reads the numbers in them.

It takes only what it can prove to be split as the csv module does. Words of eight bytes are turned into numbers at
once.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

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
_FOUR_ZEROS, _FOUR_ABOVE_NINE, _FOUR_HIGH_BITS = (np.uint32(int(digit * 4, 16)) for digit in ("30", "76", "80"))
_LAST_OF_FOUR = np.array([0] + [2**32 - 2 ** (32 - 8 * width) for width in range(1, 5)], np.uint32)
_FEW_TEXTS = 1000
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

    @property
    def half_words(self) -> NDArray[np.uint32]:
        """The four bytes of ``data`` from each place on."""
        return np.ndarray((len(self.data) - 3,), "<u4", self.data, 0, (1,))

    def field(self, column: int) -> tuple[Integers, Integers]:
        start = self.row_starts if column == 0 else self.ends[:, column - 1] + 1
        end = self.last_ends if column == self.ends.shape[1] - 1 else self.ends[:, column]
        return start, end

    def text(self, column: int | None, row: int, most: int | None = None) -> str:
        """A field as the csv module would give it, split as Latin-1; of one longer than ``most`` its beginning."""
        if column is None:
            return ""
        start, end = self.field(column)
        begin, stop = int(start[row]), int(end[row])
        raw = self.data[begin : stop if most is None else min(stop, begin + most)].decode("latin-1")
        return raw[1:-1].replace('""', '"') if raw.startswith('"') else raw


def split_table(data: bytes, layout: Layout) -> Table | None:
    """The fields of the whole records in ``data`` (between its PADDING), perhaps of none; None: read it as rows."""
    first = len(PADDING)
    stop = data.rfind(b"\n", first, len(data) - first) + 1
    if stop <= first:
        return None
    codes = np.frombuffer(data, np.uint8, stop)
    newlines = codes == _NEWLINE
    separators = codes == ord(layout.delimiter)
    quoted = _quoted_texts(data, codes, ord(layout.delimiter))
    if quoted is None or not _well_ended(data, codes, quoted.quotes):
        return None
    if len(quoted.begins):
        _empty_within(quoted, newlines, separators)
        if not newlines[-1]:  # the last quote opens a field that this piece does not close
            stop = int(quoted.begins[-1])
            begun = int(np.argmax(newlines[:stop][::-1]))
            if not newlines[stop - 1 - begun]:
                begun = stop
            newlines, separators = newlines[: stop - begun], separators[: stop - begun]
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
    row_starts[:1] = first
    row_starts[1:] = line_ends[:-1] + 1
    last_ends = line_ends - (codes[line_ends - 1] == _RETURN)
    words: Words = np.ndarray((len(data) - 7,), "<u8", data, 0, (1,))
    return Table(data, codes, words, ends, row_starts, last_ends)


class _QuotedTexts(NamedTuple):
    """Where all quotes stand, and where the quoted texts begin and end; a last one without an end goes on."""

    quotes: Integers
    begins: Integers
    ends: Integers


def _quoted_texts(data: bytes, codes: NDArray[np.uint8], delimiter: int) -> _QuotedTexts | None:
    """The quoted texts, if each quote opens a field, closes one, or is doubled within one; else None.

    That is all that the csv module needs. The last quote may open a field that ends in the next piece.
    """
    found = data.find(b'"', len(PADDING), len(codes))
    if found < 0:
        return _QuotedTexts(*[np.empty(0, np.int64)] * 3)
    quotes = np.flatnonzero(codes[found:] == _QUOTE) + found
    opening, closing = quotes[0::2], quotes[1::2]
    before, after = codes[opening - 1], codes[closing + 1]
    opens = (before == delimiter) | (before == _NEWLINE) | (opening == len(PADDING))
    closes = (after == delimiter) | (after == _NEWLINE) | (after == _RETURN)
    begins, ends = np.ones(len(opening), np.bool_), np.ones(len(closing), np.bool_)
    followed = closing[: len(opening) - 1]
    ends[: len(followed)] = followed + 1 != opening[1:]
    begins[1:] = ends[: len(followed)]
    if not (opens[begins].all() and closes[ends].all()):
        return None
    return _QuotedTexts(quotes, opening[begins], closing[ends])


def _empty_within(quoted: _QuotedTexts, newlines: Flags, separators: Flags) -> None:
    """Take away the marks of what stands within quotes."""
    if len(quoted.begins) <= _FEW_TEXTS:
        ends = [*quoted.ends.tolist(), len(newlines)]
        for begin, end in zip(quoted.begins.tolist(), ends, strict=False):
            newlines[begin:end] = False
            separators[begin:end] = False
        return
    within = np.zeros(len(newlines), np.bool_)
    within[quoted.quotes] = True
    np.logical_xor.accumulate(within, out=within)
    np.greater(newlines, within, out=newlines)
    np.greater(separators, within, out=separators)


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
    if longest <= 4:
        return _four_digits(table.half_words[end - 4], width)
    low = _eight_digits(table.words[end - 8], np.minimum(width, 8) if longest > 8 else width)
    if low is None or longest <= 8:
        return low
    above = table.words[end - 16]
    if shortest == longest and not ((above ^ above[0]) & _LAST_BYTES[longest - 8]).any():
        # Stamps of a piece differ in their last digits alone.
        high = _eight_digits(above[:1], width[:1] - 8)
    else:
        high = _eight_digits(above, np.maximum(width - 8, 0))
    return None if high is None else high * 100_000_000 + low


def _four_digits(words: NDArray[np.uint32], width: Integers) -> Integers | None:
    """The numbers in the last ``width`` bytes of each word of four; None unless all are digits."""
    digits = (words ^ _FOUR_ZEROS) & _LAST_OF_FOUR[width]
    if (((digits + _FOUR_ABOVE_NINE) | digits) & _FOUR_HIGH_BITS).any():
        return None
    digits *= np.uint32(10 * 2**8 + 1)
    digits >>= np.uint32(8)
    digits &= np.uint32(0x00FF00FF)
    digits *= np.uint32(100 * 2**16 + 1)
    digits >>= np.uint32(16)
    return digits.astype(np.int64)


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
