"""Reading a JTL by the csv module alone."""

from tandem.adapters.jtl.layout import Layout
from tandem.adapters.jtl.row_counter import count_rows
from tandem.adapters.jtl.rows import Row, parse_rows
from tandem.domain.samples import AnalysisPlan, CountedSamples


class RowReading:
    """A Reading that keeps every row: simple, and right for a small file."""

    def __init__(self, layout: Layout, plan: AnalysisPlan) -> None:
        self._layout = layout
        self._plan = plan
        self._rows: list[Row] = []
        self._skipped = 0

    def take(self, piece: bytes) -> int:
        found = parse_rows(piece, self._layout)
        self._rows += found.rows
        self._skipped += found.skipped
        return found.consumed

    def counted(self, cut: bool) -> CountedSamples:
        return count_rows(self._rows, self._layout, self._plan, self._skipped + cut)
