"""Reads JTL files from chunks of bytes, whatever their sizes, and counts their samples as one stream.

Little is read by the csv module alone. For more numpy is loaded, which costs a tenth of a second once and reads several
times as fast (docs/decisions/0003-reading-jtl.md). Both give the same result.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from tandem.adapters.jtl.layout import (
    DEFAULT_LAYOUT,
    Layout,
    is_whole_without_its_line_end,
    layout_of,
    refuse_other_formats,
    refuse_other_times,
)
from tandem.adapters.jtl.long_record import LongRecord
from tandem.adapters.jtl.row_reading import RowReading
from tandem.domain.errors import UnreadableResults
from tandem.domain.samples import AnalysisPlan, CountedSamples

SMALL_BYTES = 2 << 20
"""All files of a run together: up to here the csv module is quicker than numpy is loaded."""

PIECE_BYTES = 1 << 20

MAX_HELD_BYTES = 256 << 10
"""A record of which this much was seen without its end is not held any longer, but cut short as it goes by."""

MAX_FIRST_LINE_BYTES = 16 << 20
_SHOWN = 100


class Reading(Protocol):
    """Takes the data of one file after the other, piece by piece, and counts the samples of all."""

    @property
    def rows(self) -> int:
        """How many records were usable so far."""
        ...

    @property
    def skipped(self) -> int:
        """How many whole records were not."""
        ...

    def begin(self, layout: Layout) -> None:
        """A file begins: what is taken from here on is its data, laid out so."""
        ...

    def take(self, piece: bytes) -> int:
        """Read the whole records at the start of a piece; answers how many bytes they were."""
        ...

    def counted(self, cut: int) -> CountedSamples:
        """The result, once all pieces were taken; ``cut`` more records were skipped."""
        ...


def read_jtl(files: Iterable[Iterable[bytes]], plan: AnalysisPlan) -> CountedSamples:
    """Count the samples of a run's JTL files in CSV (a SampleReader). Raises UnreadableResults."""
    source = iter(files)
    held: list[list[bytes]] = []
    size = 0
    for file in source:
        chunks = iter(file)
        start: list[bytes] = []
        for chunk in chunks:
            start.append(chunk)
            size += len(chunk)
            if size > SMALL_BYTES:
                from tandem.adapters.jtl.column_reading import ColumnReading

                return read_with(ColumnReading, chain(held, [chain(start, chunks)], source), plan)
        held.append(start)
    return read_with(RowReading, held, plan)


def read_with(
    reading_of: Callable[[AnalysisPlan], Reading], files: Iterable[Iterable[bytes]], plan: AnalysisPlan
) -> CountedSamples:
    """Count the samples of JTL files by one of the two ways of reading. Raises UnreadableResults."""
    reading = reading_of(plan)
    read: list[_File] = []
    numbered = enumerate(files, start=1)
    for number, chunks in numbered:
        try:
            read.append(_File(reading))
            read[-1].read(chunks)
        except UnreadableResults as refused:
            if number == 1 and next(numbered, None) is None:
                raise
            raise UnreadableResults(f"Result file {number} of this run cannot be read: {refused.message}") from refused
    if not reading.rows and reading.skipped:
        raise UnreadableResults(next(file for file in read if file.skipped).found)
    return reading.counted(sum(file.given_up for file in read))


class _File:
    """Reads one file piece by piece; ``skipped`` counts records, ``given_up`` those that its reading never saw."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._layout: Layout | None = None
        self._skipped_before = reading.skipped
        self._first_record: bytes | None = None
        self._long: LongRecord | None = None
        self._rest = b""
        self.given_up = self.skipped = 0

    def read(self, chunks: Iterable[bytes]) -> None:
        """Raises UnreadableResults."""
        for piece in _pieces(chunks):
            self._take(piece)
        self._end()
        self.skipped = self._reading.skipped - self._skipped_before

    @property
    def found(self) -> str:
        """What stands in the file instead of records, as a sentence."""
        first = (self._first_record or b"").decode("utf-8", "replace").rstrip("\r\n")
        layout = self._layout or DEFAULT_LAYOUT
        return (
            f"No record of the result file can be read: its first is {first[:_SHOWN]!r}, and wanted are "
            f"{layout.width} columns separated by {layout.delimiter!r}, timeStamp and elapsed in whole milliseconds."
        )

    def _take(self, piece: bytes) -> None:
        if self._long is not None:
            back = self._long.feed(piece)
            if back is None:
                return
            self.given_up += self._long.skipped
            self._long, piece = None, back
        self._rest = self._rest + piece if self._rest else piece
        if self._layout is None:
            self._layout = self._begin()
        if self._layout is not None and self._saw_first_record(self._layout):
            self._take_records(self._layout)

    def _begin(self) -> Layout | None:
        """What the first line tells; None while it is not there as a whole."""
        refuse_other_formats(self._rest)
        line_end = self._rest.find(b"\n") + 1
        if not line_end:
            if len(self._rest) > MAX_FIRST_LINE_BYTES:
                raise UnreadableResults(
                    f"The result file begins with a line of over {MAX_FIRST_LINE_BYTES >> 20} MB: it is no JTL."
                )
            return None
        layout, header_bytes = layout_of(self._rest[:line_end])
        self._reading.begin(layout)
        self._rest = self._rest[header_bytes:]
        return layout

    def _saw_first_record(self, layout: Layout) -> bool:
        if self._first_record is None:
            line_end = self._rest.find(b"\n")
            if line_end < 0 and len(self._rest) < MAX_HELD_BYTES:
                return False
            self._first_record = self._rest[: line_end if line_end >= 0 else MAX_HELD_BYTES]
            refuse_other_times(self._first_record, layout)
        return True

    def _take_records(self, layout: Layout) -> None:
        while True:
            self._rest = self._rest[self._reading.take(self._rest) :]
            if len(self._rest) < MAX_HELD_BYTES or not self._cut_short(layout):
                return

    def _cut_short(self, layout: Layout) -> bool:
        """Let the record at the start of the rest go by; whether it ended, or was given up, within what is there."""
        long = LongRecord(layout)
        back = long.feed(self._rest)
        if back is None:
            self._long, self._rest = long, b""
            return False
        self.given_up += long.skipped
        if len(back) >= len(self._rest):
            # It was no longer than what is kept, and still the reading did not take it.
            self.given_up += 1
            back = self._rest[self._rest.find(b"\n") + 1 :]
        self._rest = back
        return True

    def _end(self) -> None:
        if self._long is not None:
            self.given_up += 1
        while self._rest and self._layout is not None:
            if is_whole_without_its_line_end(self._rest, self._layout):
                self._rest = self._rest[self._reading.take(self._rest + b"\n") :]
                return
            # An open quote may have swallowed whole records.
            long = LongRecord(self._layout)
            back = long.feed(self._rest)
            if back is None or len(back) >= len(self._rest):
                self.given_up += 1
                return
            self.given_up += long.skipped
            self._rest = back[self._reading.take(back) :]
        if self._rest:
            self.given_up += 1


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about PIECE_BYTES."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        for begin in range(0, len(chunk), PIECE_BYTES):
            held.append(chunk if len(chunk) <= PIECE_BYTES else chunk[begin : begin + PIECE_BYTES])
            size += len(held[-1])
            if size >= PIECE_BYTES:
                yield held[0] if len(held) == 1 else b"".join(held)
                held, size = [], 0
    if held:
        yield b"".join(held)
