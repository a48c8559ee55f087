"""Reading JTL files by the csv module alone."""

from tandem_samples import SampleSorter

from tandem.adapters.jtl.layout import Layout
from tandem.adapters.jtl.row_counter import FileRows, count_rows
from tandem.adapters.jtl.rows import parse_rows
from tandem.domain.samples import AnalysisPlan, CountedSamples


class RowReading:
    """A Reading that keeps every row: simple, and right for little data."""

    def __init__(self, plan: AnalysisPlan) -> None:
        self._plan = plan
        self._sorter = SampleSorter(plan.groups)
        self._files: list[FileRows] = []
        self.skipped = 0

    @property
    def rows(self) -> int:
        return sum(len(file.rows) for file in self._files)

    def begin(self, layout: Layout) -> None:
        self._sorter.begin_file()
        self._files.append(FileRows(layout, []))

    def take(self, piece: bytes) -> int:
        file = self._files[-1]
        found = parse_rows(piece, file.layout, self._sorter)
        file.rows.extend(found.rows)
        self.skipped += found.skipped
        return found.consumed

    def counted(self, cut: int) -> CountedSamples:
        return count_rows(self._files, self._plan, self.skipped + cut)
