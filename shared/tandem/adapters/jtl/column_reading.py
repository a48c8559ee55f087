"""Reading JTL files by numpy, and by the csv module where numpy's way cannot be proven to give the same."""

from tandem.adapters.jtl.array_counter import ArrayCounter
from tandem.adapters.jtl.column_block import PADDING, block_of_rows, split_columns
from tandem.adapters.jtl.interner import Interner
from tandem.adapters.jtl.kinds import ErrorKinds, Labels
from tandem.adapters.jtl.layout import DEFAULT_LAYOUT, Layout
from tandem.adapters.jtl.rows import parse_rows
from tandem.domain.samples import AnalysisPlan, CountedSamples


class ColumnReading:
    """A Reading whose memory does not grow with the number of samples.

    ``pieces_by_rows`` counts the pieces that had to be read by the csv module.
    """

    def __init__(self, plan: AnalysisPlan) -> None:
        self._labels = Labels()
        self._errors = ErrorKinds()
        self._counter = ArrayCounter(plan, self._labels, self._errors)
        self._layout = DEFAULT_LAYOUT
        self._interners = (Interner(), Interner())
        self._skipped = 0
        self.pieces_by_rows = 0

    def begin(self, layout: Layout) -> None:
        self._layout = layout
        # What they remember is told by the columns of one file.
        self._interners = (Interner(), Interner())
        self._counter.begin(layout)

    def take(self, piece: bytes) -> int:
        padded = b"".join((PADDING, piece, PADDING))
        split = split_columns(padded, self._layout, self._labels, self._errors, self._interners)
        if split is not None:
            block, consumed = split
            self._counter.add(block)
            return consumed
        found = parse_rows(piece, self._layout)
        self.pieces_by_rows += 1
        self._skipped += found.skipped
        self._counter.add(block_of_rows(found, self._layout, self._labels, self._errors))
        return found.consumed

    def counted(self, cut: int) -> CountedSamples:
        return self._counter.counted(self._skipped + cut)
