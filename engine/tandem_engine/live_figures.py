"""What the rows of a result file add up to while it grows: requests of main thread groups, all others apart.

Requests are what ``tandem_samples`` calls so: neither a transaction's own row nor a sub-result. Throughput, error rate
and p95 of ``recent`` are those of the last 3 whole seconds of the clock before a moment, a request belonging to the
second in which it ended; the second in which the load began is no whole one.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tandem_samples import GroupKind, SampleKind, SampleSorter, ThreadGroups

RECENT_SECONDS: Final = 3

_WINDOW_MS: Final = 5000
_BUCKET_MS: Final = 100
_REMEMBERED_SECONDS: Final = 120
_MAX_ERRORS: Final = 1000
_LONGEST_TEXT: Final = 200
# Only the machine that sends can make these errors: it is out of ports, routes, files or memory.
_OF_JMETER: Final = "Non HTTP response code: "
_DROPPED: Final = (
    "bindexception",
    "cannot assign requested address",
    "address already in use",
    "noroutetohostexception",
    "too many open files",
    "no buffer space available",
)


class SampleRow(NamedTuple):
    """One row of a result file. Times in ms; ``start`` since 1970. What the file has no column for is '' or 0."""

    start: int
    elapsed: int
    success: bool
    label: str = ""
    code: str = ""
    message: str = ""
    failure: str = ""
    thread: str = ""
    active_threads: int = 0


@dataclass(slots=True)
class Counts:
    """Requests of the groups of one kind."""

    samples: int = 0
    errors: int = 0


@dataclass(slots=True)
class _Second:
    """The requests that ended in one second of the clock."""

    samples: int = 0
    errors: int = 0
    times: Counter[int] = field(default_factory=Counter)


class Totals:
    """What the rows so far add up to. Times are ms; ``first_start`` and ``last_end`` are ms since 1970."""

    def __init__(self, groups: ThreadGroups | None = None) -> None:
        """``groups``: those of the plan; without any every request counts as a main group's."""
        self._groups = groups or ThreadGroups()
        self._sorter = SampleSorter(self._groups)
        self.rows = 0
        """All rows, whatever they are."""
        self.skipped = 0
        """Rows that are no samples."""
        self.total = 0
        self.succ = 0
        self.elapsed_sum = 0
        self.max_rt = 0
        self.min_rt = 0
        self.active_threads = 0
        self.first_start: int | None = None
        self.last_end: int | None = None
        self.set_up = Counts()
        self.tear_down = Counts()
        self.untold = 0
        self.dropped_connections = 0
        self._errors: Counter[tuple[str, str]] = Counter()
        self._recent: deque[list[int]] = deque(maxlen=1000)
        self._seconds: dict[int, _Second] = {}
        self._seconds_forgotten = 0

    @property
    def errors(self) -> int:
        return self.total - self.succ

    def add(self, row: SampleRow) -> None:
        """Count one row."""
        self.rows += 1
        told = self._sorter.sort(row.label, row.message, row.thread, row.start, row.elapsed)
        if told.kind is not SampleKind.REQUEST:
            return
        if told.group is not GroupKind.MAIN:
            counts = self.set_up if told.group is GroupKind.SETUP else self.tear_down
            counts.samples += 1
            counts.errors += not row.success
            return
        if not told.matched and self._groups.known:
            self.untold += 1
        self._add_load(row)

    def throughput(self, moment_ms: int) -> float:
        """Requests/s over the 5 s before a moment (ms since 1970); a sample belongs to the moment of its end."""
        newest = moment_ms // _BUCKET_MS
        oldest = (moment_ms - _WINDOW_MS) // _BUCKET_MS
        return sum(count for bucket, count in self._recent if oldest < bucket <= newest) * 1000 / _WINDOW_MS

    def average(self) -> float:
        """Mean response time in ms; 0 without samples."""
        return round(self.elapsed_sum / self.total, 3) if self.total else 0.0

    def summary(self) -> dict[str, Any]:
        """The summary of the contract."""
        return {
            "total": self.total,
            "succ": self.succ,
            "err": self.errors,
            "avgRt": self.average(),
            "maxRt": self.max_rt,
            "minRt": self.min_rt,
        } | self._of_other_groups()

    def snapshot(self, moment_ms: int) -> dict[str, Any]:
        """The figures of a MetricsSnapshot at a moment (ms since 1970)."""
        return {
            "activeThreads": self.active_threads,
            "totalRequests": self.total,
            "successCount": self.succ,
            "errorCount": self.errors,
            "avgResponseTime": self.average(),
            "maxResponseTime": self.max_rt,
            "minResponseTime": self.min_rt,
            "errorRate": self.errors / self.total if self.total else 0.0,
            "throughput": self.throughput(moment_ms),
            "recent": self._recent_figures(moment_ms),
            "wholeSeconds": self._whole_seconds(moment_ms),
            "topError": self._top_error(),
        } | self._of_other_groups()

    def _add_load(self, row: SampleRow) -> None:
        elapsed, end = row.elapsed, row.start + row.elapsed
        self.min_rt = elapsed if self.total == 0 else min(self.min_rt, elapsed)
        self.max_rt = max(self.max_rt, elapsed)
        self.total += 1
        self.succ += row.success
        self.elapsed_sum += elapsed
        self.active_threads = row.active_threads
        if self.first_start is None or row.start < self.first_start:
            self.first_start = row.start
        if self.last_end is None or end > self.last_end:
            self.last_end = end
        self._add_second(end // 1000, row)
        if not row.success:
            self._add_error(row)
        self._add_bucket(end // _BUCKET_MS)

    def _add_second(self, number: int, row: SampleRow) -> None:
        second = self._seconds.get(number)
        if second is None:
            newest = 0 if self.last_end is None else self.last_end // 1000
            if number <= newest - _REMEMBERED_SECONDS:
                # So late that it may have been counted and forgotten.
                return
            second = self._seconds[number] = _Second()
            if len(self._seconds) > 2 * _REMEMBERED_SECONDS:
                self._forget_seconds(newest - _REMEMBERED_SECONDS)
        second.samples += 1
        second.errors += not row.success
        second.times[row.elapsed] += 1

    def _forget_seconds(self, until: int) -> None:
        first = (self.first_start or 0) // 1000
        self._seconds_forgotten += sum(1 for number in self._seconds if first < number <= until)
        self._seconds = {number: kept for number, kept in self._seconds.items() if number > until}

    def _add_error(self, row: SampleRow) -> None:
        # Of an answer that came and failed an assertion, the assertion says why.
        message = row.failure if row.code.startswith("2") and row.failure else row.message or row.failure
        error = row.code[:_LONGEST_TEXT], " ".join(message[: 4 * _LONGEST_TEXT].split())[:_LONGEST_TEXT]
        if error in self._errors or len(self._errors) < _MAX_ERRORS:
            self._errors[error] += 1
        if row.code.startswith(_OF_JMETER):
            text = f"{row.code} {row.message}".lower()
            self.dropped_connections += any(sign in text for sign in _DROPPED)

    def _add_bucket(self, bucket: int) -> None:
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

    def _whole_seconds(self, moment_ms: int) -> int:
        """In how many whole seconds of the clock before a moment a request ended."""
        if self.first_start is None:
            return 0
        first, now = self.first_start // 1000, moment_ms // 1000
        return self._seconds_forgotten + sum(1 for number in self._seconds if first < number < now)

    def _recent_figures(self, moment_ms: int) -> dict[str, Any] | None:
        """None while no whole second of the load is over."""
        if self.first_start is None:
            return None
        now = moment_ms // 1000
        length = min(RECENT_SECONDS, now - self.first_start // 1000 - 1)
        if length < 1:
            return None
        seconds = [self._seconds[number] for number in range(now - length, now) if number in self._seconds]
        samples, errors = sum(each.samples for each in seconds), sum(each.errors for each in seconds)
        return {
            "seconds": length,
            "samples": samples,
            "errors": errors,
            "errorRate": errors / samples if samples else 0.0,
            "requestsPerSec": samples / length,
            "p95": _percentile(sum((each.times for each in seconds), Counter()), 0.95),
        }

    def _top_error(self) -> dict[str, Any] | None:
        if not self._errors:
            return None
        (code, message), count = max(self._errors.items(), key=lambda each: (each[1], each[0]))
        return {"code": code, "message": message, "count": count}

    def _of_other_groups(self) -> dict[str, Any]:
        return {
            "setUp": {"samples": self.set_up.samples, "errors": self.set_up.errors},
            "tearDown": {"samples": self.tear_down.samples, "errors": self.tear_down.errors},
            "untoldSamples": self.untold,
            "groupsKnown": self._groups.known,
        }


def _percentile(times: Counter[int], share: float) -> int | None:
    """The nearest-rank percentile in ms; None of nothing."""
    rank = -int(-share * times.total() // 1)
    for elapsed in sorted(times):
        rank -= times[elapsed]
        if rank <= 0:
            return elapsed
    return None
