"""Reading JTL files by numpy, and by the csv module where numpy's way cannot be proven to give the same."""

from collections import deque

from tandem_samples import SampleSorter

from tandem.adapters.jtl.array_counter import ArrayCounter
from tandem.adapters.jtl.column_block import Found, block_of_rows, split_columns
from tandem.adapters.jtl.column_table import PADDING
from tandem.adapters.jtl.layout import DEFAULT_LAYOUT, Layout
from tandem.adapters.jtl.rows import parse_rows
from tandem.domain.samples import AnalysisPlan, CountedSamples

_CONTEXT_BYTES = 64 * 1024
_KEPT_FREE_BYTES = 8 << 20


class ColumnReading:
    """A Reading whose memory does not grow with the number of samples.

    Numpy sorts the rows of a kind together, without looking at the row before each. Once two labels are met of which
    one may name parts of the other, the order matters: from there on all is read by the csv module, and the requests
    that the threads sent last are found in the last _CONTEXT_BYTES (a part's row follows its request's at once).
    ``pieces_by_rows`` counts the pieces that had to be read by the csv module.
    """

    def __init__(self, plan: AnalysisPlan) -> None:
        # Of the largest block ever given back glibc learns what to keep (mallopt(3), M_MMAP_THRESHOLD). Else it returns
        # the columns of each piece to the system and asks for them anew, a tenth of all time; not a byte is touched.
        bytearray(_KEPT_FREE_BYTES)
        self._found = Found(SampleSorter(plan.groups))
        self._counter = ArrayCounter(plan, self._found.labels, self._found.errors)
        self._layout = DEFAULT_LAYOUT
        self.skipped = 0
        self.rows = 0
        self._context: deque[tuple[bytes, int, int]] = deque()
        self._in_order = True
        self.pieces_by_rows = 0

    def begin(self, layout: Layout) -> None:
        self._layout = layout
        self._context.clear()
        self._in_order = True
        self._found.begin_file()
        self._counter.begin(layout)

    def take(self, piece: bytes) -> int:
        met = self._found.sorter.transactions_met
        if not self._found.sorter.may_have_parts:
            split = split_columns(b"".join((PADDING, piece, PADDING)), self._layout, self._found)
            if split is not None:
                block, consumed = split
                self.rows += len(block.start)
                self._counter.add(block)
                self._keep_as_context(piece, consumed, met)
                self._in_order = False
                return consumed
        if not self._in_order:
            self._catch_up()
        found = parse_rows(piece, self._layout, self._found.sorter)
        self.pieces_by_rows += 1
        self.skipped += found.skipped
        self.rows += len(found.rows)
        self._counter.add(block_of_rows(found, self._layout, self._found))
        if not self._found.sorter.may_have_parts:
            self._keep_as_context(piece, found.consumed, met)
        return found.consumed

    def counted(self, cut: int) -> CountedSamples:
        return self._counter.counted(self.skipped + cut)

    def _keep_as_context(self, piece: bytes, consumed: int, transactions_met: int) -> None:
        if consumed:
            # Cut only where it is needed, which is hardly ever.
            self._context.append((piece, consumed, transactions_met))
            while sum(length for _, length, _ in self._context) - self._context[0][1] >= _CONTEXT_BYTES:
                self._context.popleft()

    def _catch_up(self) -> None:
        """Let the sorter see what the threads sent last, as if it had been given all rows."""
        sorter = self._found.sorter
        sorter.begin_file()
        if self._context:
            # A row without a message was a request as long as no transaction of its label had come.
            sorter.forget_transactions(self._context[0][2])
        for piece, consumed, _ in self._context:
            parse_rows(piece[:consumed], self._layout, sorter)
        self._in_order = True
