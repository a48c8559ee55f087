"""Reads a JTL from chunks of bytes, whatever their sizes.

A small file is read by the csv module alone. For a large one numpy is loaded, which costs a tenth of a second once and
reads several times as fast (docs/decisions/0003-reading-jtl.md). Both give the same result.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from tandem.adapters.jtl.layout import DEFAULT_LAYOUT, Layout, layout_of, refuse_other_formats, refuse_other_times
from tandem.adapters.jtl.row_reading import RowReading
from tandem.domain.errors import UnreadableResults
from tandem.domain.samples import AnalysisPlan, CountedSamples

SMALL_FILE_BYTES = 2 << 20
PIECE_BYTES = 1 << 20
MAX_RECORD_BYTES = 16 << 20


class Reading(Protocol):
    """Takes a file's data piece by piece and counts its samples."""

    def take(self, piece: bytes) -> int:
        """Read the whole records at the start of a piece; answers how many bytes they were."""
        ...

    def counted(self, cut: bool) -> CountedSamples:
        """The result, once all pieces were taken; ``cut`` when the file did not end with a whole record."""
        ...


def read_jtl(chunks: Iterable[bytes], plan: AnalysisPlan) -> CountedSamples:
    """Count the samples of a JTL in CSV (a SampleReader). Raises UnreadableResults."""
    source = iter(chunks)
    start: list[bytes] = []
    size = 0
    for chunk in source:
        start.append(chunk)
        size += len(chunk)
        if size > SMALL_FILE_BYTES:
            from tandem.adapters.jtl.column_reading import ColumnReading

            return read_with(ColumnReading, chain(start, source), plan)
    return read_with(RowReading, start, plan)


def read_with(
    reading_of: Callable[[Layout, AnalysisPlan], Reading], chunks: Iterable[bytes], plan: AnalysisPlan
) -> CountedSamples:
    """Count the samples of a JTL by one of the two ways of reading. Raises UnreadableResults."""
    reading: Reading | None = None
    rest, layout, first_record = b"", DEFAULT_LAYOUT, False
    for piece in _pieces(chunks):
        rest = rest + piece if rest else piece
        if reading is None:
            refuse_other_formats(rest)
            line_end = rest.find(b"\n") + 1
            if line_end:
                layout, header_bytes = layout_of(rest[:line_end])
                reading = reading_of(layout, plan)
                rest = rest[header_bytes:]
                first_record = True
        if first_record and b"\n" in rest:
            refuse_other_times(rest[: rest.find(b"\n")], layout)
            first_record = False
        if reading is not None and not first_record:
            rest = rest[reading.take(rest) :]
        if len(rest) > MAX_RECORD_BYTES:
            raise UnreadableResults(f"The result file has a line of over {MAX_RECORD_BYTES >> 20} MB: it is no JTL.")
    if reading is None:
        reading = reading_of(DEFAULT_LAYOUT, plan)
    return reading.counted(cut=bool(rest))


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
