"""Reads JTL files from chunks of bytes, whatever their sizes, and counts their samples as one stream.

Little is read by the csv module alone. For more numpy is loaded, which costs a tenth of a second once and reads several
times as fast (docs/decisions/0003-reading-jtl.md). Both give the same result.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from tandem.adapters.jtl.layout import DEFAULT_LAYOUT, Layout, layout_of, refuse_other_formats, refuse_other_times
from tandem.adapters.jtl.row_reading import RowReading
from tandem.domain.errors import UnreadableResults
from tandem.domain.samples import AnalysisPlan, CountedSamples

SMALL_BYTES = 2 << 20
"""All files of a run together: up to here the csv module is quicker than numpy is loaded."""

PIECE_BYTES = 1 << 20
MAX_RECORD_BYTES = 16 << 20


class Reading(Protocol):
    """Takes the data of one file after the other, piece by piece, and counts the samples of all."""

    def begin(self, layout: Layout) -> None:
        """A file begins: what is taken from here on is its data, laid out so."""
        ...

    def take(self, piece: bytes) -> int:
        """Read the whole records at the start of a piece; answers how many bytes they were."""
        ...

    def counted(self, cut: int) -> CountedSamples:
        """The result, once all pieces were taken; ``cut`` files did not end with a whole record."""
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
    cut = 0
    numbered = enumerate(files, start=1)
    for number, chunks in numbered:
        try:
            cut += not _read_file(reading, chunks)
        except UnreadableResults as fault:
            if number == 1 and next(numbered, None) is None:
                raise
            raise UnreadableResults(f"Result file {number} of this run cannot be read: {fault.message}") from fault
    return reading.counted(cut)


def _read_file(reading: Reading, chunks: Iterable[bytes]) -> bool:
    """Whether the file ended with a whole record. Raises UnreadableResults."""
    rest, layout, begun, first_record = b"", DEFAULT_LAYOUT, False, False
    for piece in _pieces(chunks):
        rest = rest + piece if rest else piece
        if not begun:
            refuse_other_formats(rest)
            line_end = rest.find(b"\n") + 1
            if line_end:
                layout, header_bytes = layout_of(rest[:line_end])
                reading.begin(layout)
                rest = rest[header_bytes:]
                begun = first_record = True
        if first_record and b"\n" in rest:
            refuse_other_times(rest[: rest.find(b"\n")], layout)
            first_record = False
        if begun and not first_record:
            rest = rest[reading.take(rest) :]
        if len(rest) > MAX_RECORD_BYTES:
            raise UnreadableResults(f"The result file has a line of over {MAX_RECORD_BYTES >> 20} MB: it is no JTL.")
    return not rest


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
