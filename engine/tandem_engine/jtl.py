"""Following a JTL while JMeter writes it: whole CSV records only, each read once, totals kept as it grows.

A record may be as long as JMeter writes it: one that is longer than what is read at once is taken apart on the way,
and of its texts no more is kept than the figures need (``records.py``).
"""

import csv
import io
from pathlib import Path
from typing import Final, NamedTuple

from tandem_samples import ThreadGroups

from tandem_engine.live_figures import SampleRow, Totals
from tandem_engine.records import LongRecord

# JMeter's default columns, for a file without a header (https://jmeter.apache.org/usermanual/listeners.html).
DEFAULT_COLUMNS: Final = [
    *("timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "dataType", "success"),
    *("failureMessage", "bytes", "sentBytes", "grpThreads", "allThreads", "URL", "Latency", "IdleTime", "Connect"),
]

_STEP_BYTES: Final = 4 * 1024 * 1024
# A record longer than this is taken for an opening quote that nobody closed; reading goes on at the next line.
_LONGEST_RECORD: Final = 512 * 1024 * 1024

# Bounded by what is read at once; the default of 128 KiB is less than a failure message can be.
csv.field_size_limit(4 * _STEP_BYTES)


class _Columns(NamedTuple):
    """Where each column is; -1 when the file has none."""

    start: int
    elapsed: int
    success: int
    threads: int
    label: int
    code: int
    message: int
    failure: int
    thread: int

    @classmethod
    def of(cls, names: list[str]) -> "_Columns":
        wanted = ("timeStamp", "elapsed", "success", "allThreads", "label", "responseCode", "responseMessage")
        return cls(*(names.index(name) if name in names else -1 for name in (*wanted, "failureMessage", "threadName")))


class JtlFollower:
    """Reads what was added to one JTL since the last look. Not safe for two threads at once."""

    def __init__(self, path: Path, groups: ThreadGroups | None = None) -> None:
        """``groups``: the thread groups of the plan; without any every request is of a main group."""
        self.path = path
        self.totals = Totals(groups)
        self.consumed = 0
        """Offset just behind the last whole record."""
        self._pending = bytearray()
        self._scanned = 0
        self._quotes_odd = False
        self._long: LongRecord | None = None
        self._gave_up = False
        self._columns: _Columns | None = None

    @property
    def main_began(self) -> int | None:
        """When the first request of a main thread group began, in ms since 1970."""
        return self.totals.first_start

    def advance(self) -> bool:
        """Read at most 4 MB more; True when there may be more. A file that is not there yet is an empty one.

        Raises OSError.
        """
        begun = len(self._pending) if self._long is None else self._long.size
        try:
            with self.path.open("rb") as file:
                file.seek(self.consumed + begun)
                chunk = file.read(_STEP_BYTES)
        except FileNotFoundError:
            return False
        read = len(chunk)
        if chunk and self._long is not None:
            chunk = self._take_long(self._long, chunk)
        if chunk:
            self._pending += chunk
            self._take_whole_records()
        gave_up, self._gave_up = self._gave_up, False
        return read == _STEP_BYTES or gave_up

    def catch_up(self) -> Totals:
        """Read to the end of the file. Raises OSError."""
        while self.advance():
            pass
        return self.totals

    def _take_whole_records(self) -> None:
        self._take(self._end_of_whole_records())
        if len(self._pending) >= min(_STEP_BYTES, _LONGEST_RECORD):
            self._long = LongRecord()
            piece = bytes(self._pending)
            self._pending.clear()
            self._scanned, self._quotes_odd = 0, False
            self._take_long(self._long, piece)

    def _take_long(self, record: LongRecord, piece: bytes) -> bytes:
        """Feed a record that is longer than what is read at once; what of the piece lies behind it. Raises OSError."""
        end = record.feed(piece)
        if end is not None:
            self.consumed += record.size
            self._long = None
            self._count_row(record.row())
            return piece[end:]
        if record.size > _LONGEST_RECORD:
            self._give_up_line()
        return b""

    def _give_up_line(self) -> None:
        """Give up the line with the quote that nobody closed; all behind it is looked at with fresh eyes."""
        # What is behind that line is to be read again.
        self._long, self._gave_up = None, True
        self.totals.skipped += 1
        with self.path.open("rb") as file:
            file.seek(self.consumed)
            while piece := file.read(_STEP_BYTES):
                line_end = piece.find(b"\n")
                self.consumed += len(piece) if line_end < 0 else line_end + 1
                if line_end >= 0:
                    return

    def _take(self, end: int) -> None:
        if end:
            text = bytes(self._pending[:end]).decode("utf-8", errors="replace")
            del self._pending[:end]
            self._scanned -= end
            self.consumed += end
            for row in csv.reader(io.StringIO(text, newline="")):
                self._count_row(row)

    def _end_of_whole_records(self) -> int:
        """Offset behind the last line end outside quotes, in what is pending.

        JMeter doubles quotes inside quoted fields, so a line end is outside quotes when an even number precede it.
        """
        pending = self._pending
        end = 0
        while (line_end := pending.find(b"\n", self._scanned)) >= 0:
            if pending.count(b'"', self._scanned, line_end) % 2:
                self._quotes_odd = not self._quotes_odd
            self._scanned = line_end + 1
            if not self._quotes_odd:
                end = self._scanned
        return end

    def _count_row(self, row: list[str]) -> None:
        if self._columns is None:
            has_header = "timeStamp" in row and "elapsed" in row
            self._columns = _Columns.of(row if has_header else DEFAULT_COLUMNS)
            if has_header:
                return
        if not row:
            return
        at = self._columns
        try:
            sample = SampleRow(
                start=int(row[at.start]),
                elapsed=int(row[at.elapsed]),
                success=at.success < 0 or row[at.success] == "true",
                label=row[at.label] if at.label >= 0 else "",
                code=row[at.code] if at.code >= 0 else "",
                message=row[at.message] if at.message >= 0 else "",
                failure=row[at.failure] if at.failure >= 0 else "",
                thread=row[at.thread] if at.thread >= 0 else "",
                active_threads=int(row[at.threads]) if at.threads >= 0 else 0,
            )
        except (ValueError, IndexError):
            self.totals.skipped += 1
        else:
            self.totals.add(sample)


def trim_to_whole_records(follower: JtlFollower) -> int:
    """Cut off what a killed JMeter left behind the last whole record; answers the bytes cut. Raises OSError.

    Only for a file that nobody writes any more and that ``follower`` has read to its end.
    """
    try:
        size = follower.path.stat().st_size
    except FileNotFoundError:
        return 0
    surplus = size - follower.consumed
    if surplus > 0:
        with follower.path.open("r+b") as file:
            file.truncate(follower.consumed)
    return max(surplus, 0)
