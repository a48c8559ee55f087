"""Reads a JTL from chunks of bytes, whatever their sizes."""

from collections.abc import Iterable, Iterator

from tandem.adapters.jtl.layout import DEFAULT_COLUMNS, layout_of, refuse_markup
from tandem.adapters.jtl.row_counter import count_rows
from tandem.adapters.jtl.rows import Row, parse_rows
from tandem.domain.samples import AnalysisPlan, CountedSamples

_BLOCK_BYTES = 4 << 20


def read_jtl(chunks: Iterable[bytes], plan: AnalysisPlan) -> CountedSamples:
    """Count the samples of a JTL in CSV (a SampleReader). Raises UnreadableResults."""
    layout = layout_of(",".join(DEFAULT_COLUMNS).encode())[0]
    rows: list[Row] = []
    skipped = 0
    rest = b""
    at_start = True
    for block in _blocks(chunks):
        rest += block
        if at_start:
            refuse_markup(rest)
            if b"\n" not in rest:
                continue
            layout, header = layout_of(rest[: rest.index(b"\n") + 1])
            rest = rest[header:]
            at_start = False
        found = parse_rows(rest, layout)
        rows += found.rows
        skipped += found.skipped
        rest = rest[found.consumed :]
    return count_rows(rows, layout, plan, skipped + bool(rest))


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= _BLOCK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
