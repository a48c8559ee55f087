"""Following a JTL while JMeter writes it: whole CSV records only, each read once, totals kept as it grows."""

import csv
import io
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# JMeter's default columns, for a file without a header (https://jmeter.apache.org/usermanual/listeners.html).
DEFAULT_COLUMNS: Final = [
    *("timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "dataType", "success"),
    *("failureMessage", "bytes", "sentBytes", "grpThreads", "allThreads", "URL", "Latency", "IdleTime", "Connect"),
]

_STEP_BYTES: Final = 4 * 1024 * 1024
# A record longer than this is taken for an opening quote that nobody closed; reading goes on at the next line.
_LONGEST_RECORD: Final = 32 * 1024 * 1024
_WINDOW_MS: Final = 5000
_BUCKET_MS: Final = 100

# Bounded by the records themselves; the default of 128 KiB is less than a failure message can be.
csv.field_size_limit(4 * _LONGEST_RECORD)


@dataclass(slots=True)
class Totals:
    """What the records so far add up to. Times are ms; ``first_start`` and ``last_end`` are ms since 1970."""

    total: int = 0
    succ: int = 0
    elapsed_sum: int = 0
    max_rt: int = 0
    min_rt: int = 0
    active_threads: int = 0
    first_start: int | None = None
    last_end: int | None = None
    skipped: int = 0
    _recent: deque[list[int]] = field(default_factory=lambda: deque(maxlen=1000))

    def add(self, start: int, elapsed: int, success: bool, active_threads: int) -> None:
        """Count one sample."""
        end = start + elapsed
        self.min_rt = elapsed if self.total == 0 else min(self.min_rt, elapsed)
        self.max_rt = max(self.max_rt, elapsed)
        self.total += 1
        self.succ += success
        self.elapsed_sum += elapsed
        self.active_threads = active_threads
        if self.first_start is None or start < self.first_start:
            self.first_start = start
        if self.last_end is None or end > self.last_end:
            self.last_end = end
        bucket = end // _BUCKET_MS
        recent = self._recent
        # Records come nearly in order of their end: look for the bucket from the back.
        for entry in reversed(recent):
            if entry[0] == bucket:
                entry[1] += 1
                return
            if entry[0] < bucket:
                break
        recent.append([bucket, 1])
        while recent[0][0] < bucket - 3 * _WINDOW_MS // _BUCKET_MS:
            recent.popleft()

    def throughput(self, moment_ms: int) -> float:
        """Requests/s over the 5 s before a moment (ms since 1970); a sample belongs to the moment of its end."""
        newest = moment_ms // _BUCKET_MS
        oldest = (moment_ms - _WINDOW_MS) // _BUCKET_MS
        return sum(count for bucket, count in self._recent if oldest < bucket <= newest) * 1000 / _WINDOW_MS

    def average(self) -> float:
        """Mean response time in ms; 0 without samples."""
        return round(self.elapsed_sum / self.total, 3) if self.total else 0.0


class JtlFollower:
    """Reads what was added to one JTL since the last look. Not safe for two threads at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.totals = Totals()
        self.consumed = 0
        """Offset just behind the last whole record."""
        self._pending = bytearray()
        self._scanned = 0
        self._quotes_odd = False
        self._columns: tuple[int, int, int, int] | None = None

    def advance(self) -> bool:
        """Read at most 4 MB more; True when there may be more. A file that is not there yet is an empty one.

        Raises OSError.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.consumed + len(self._pending))
                chunk = file.read(_STEP_BYTES)
        except FileNotFoundError:
            return False
        if chunk:
            self._pending += chunk
            self._take_whole_records()
        return len(chunk) == _STEP_BYTES

    def catch_up(self) -> Totals:
        """Read to the end of the file. Raises OSError."""
        while self.advance():
            pass
        return self.totals

    def _take_whole_records(self) -> None:
        self._take(self._end_of_whole_records())
        while len(self._pending) > _LONGEST_RECORD and (line_end := self._pending.find(b"\n")) >= 0:
            # Give up the line with the quote that nobody closed, and look at all behind it with fresh eyes.
            self._take(line_end + 1)
            self._scanned, self._quotes_odd = 0, False
            self._take(self._end_of_whole_records())

    def _take(self, end: int) -> None:
        if end:
            text = bytes(self._pending[:end]).decode("utf-8", errors="replace")
            del self._pending[:end]
            self._scanned -= end
            self.consumed += end
            self._count(text)

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

    def _count(self, text: str) -> None:
        rows = csv.reader(io.StringIO(text, newline=""))
        totals = self.totals
        for row in rows:
            if self._columns is None:
                has_header = "timeStamp" in row and "elapsed" in row
                self._columns = _places(row if has_header else DEFAULT_COLUMNS)
                if has_header:
                    continue
            if not row:
                continue
            start, elapsed, success, threads = self._columns
            try:
                totals.add(
                    int(row[start]),
                    int(row[elapsed]),
                    success < 0 or row[success] == "true",
                    int(row[threads]) if threads >= 0 else 0,
                )
            except (ValueError, IndexError):
                totals.skipped += 1


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


def _places(columns: list[str]) -> tuple[int, int, int, int]:
    def place(name: str) -> int:
        return columns.index(name) if name in columns else -1

    return place("timeStamp"), place("elapsed"), place("success"), place("allThreads")
