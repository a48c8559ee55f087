"""Counts columns of samples into groups by numpy, in memory that depends on distinct latencies, not on samples."""

from array import array
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tandem_samples import GroupKind

from tandem.adapters.jtl.column_block import ColumnBlock
from tandem.adapters.jtl.column_table import Flags, Integers
from tandem.adapters.jtl.group_codes import GROUP_CODES, UNTOLD, is_main
from tandem.adapters.jtl.kinds import NO_LABEL_OF_LOAD, OTHER_LABEL, ErrorKinds, Labels
from tandem.adapters.jtl.layout import DEFAULT_LAYOUT, Layout, Told, told_by
from tandem.domain.phases import phase_cuts
from tandem.domain.samples import AnalysisPlan, CountedSamples, Group, PhaseName, epoch_ms, seconds_before_fault
from tandem.domain.timeseries import bucket_width

_ELAPSED_BITS = 30  # holds MAX_ELAPSED_DIGITS
_ELAPSED_MASK = (1 << _ELAPSED_BITS) - 1
_MAX_PENDING = 1 << 18
_MAX_UNDECIDED = 1 << 17
_RAMP_UP_SLICES = 64
_MAX_SLICES_AWAY = 1 << 32  # beside a latency in a key; farther away are damaged stamps only
_FAR = 1 << 62


class _Totals:
    """The sums and extremes of one group, ``threads`` by file; a sum is 0 where a file has no such column."""

    __slots__ = ("elapsed", "errors", "first_start", "last_end", "received", "samples", "sent", "threads")

    def __init__(self) -> None:
        self.samples = self.errors = self.received = self.sent = self.elapsed = 0
        self.first_start, self.last_end = _FAR, -1
        self.threads: dict[int, int] = {}

    def add(self, other: "_Totals") -> None:
        self.samples += other.samples
        self.errors += other.errors
        self.received += other.received
        self.sent += other.sent
        self.elapsed += other.elapsed
        self.first_start = min(self.first_start, other.first_start)
        self.last_end = max(self.last_end, other.last_end)
        for file, threads in other.threads.items():
            self.saw_threads(file, threads)

    def saw_threads(self, file: int, threads: int) -> None:
        self.threads[file] = max(self.threads.get(file, 0), threads)


class _Rows(NamedTuple):
    """The columns that totals need."""

    start: Integers
    end: Integers
    elapsed: Integers
    failed: Flags | None
    received: Integers | None
    sent: Integers | None
    threads: Integers | None

    def where(self, chosen: Flags | Integers | slice) -> "_Rows":
        return _Rows(*(None if column is None else column[chosen] for column in self))  # type: ignore[arg-type]


class _FileRows(NamedTuple):
    """Rows and the number of their file."""

    file: int
    rows: _Rows


class _Counts:
    """How often each latency occurred in each group; groups are whole numbers, of either sign."""

    def __init__(self) -> None:
        self._keys = np.empty(0, np.int64)
        self._counts = np.empty(0, np.int64)
        self._pending: list[Integers] = []
        self._waiting = 0

    def add(self, group: Integers | int, elapsed: Integers) -> None:
        self._pending.append((group << _ELAPSED_BITS) | elapsed)
        self._waiting += len(elapsed)
        if self._waiting >= max(_MAX_PENDING, len(self._keys) // 2):
            self._settle()

    def regroup(self, divisor: int, origin: int, new_origin: int) -> None:
        """Merge the groups so that group g becomes ``(g + origin) // divisor - new_origin``."""
        self._settle()
        groups = ((self._keys >> _ELAPSED_BITS) + origin) // divisor - new_origin
        self._merge((groups << _ELAPSED_BITS) | (self._keys & _ELAPSED_MASK), self._counts)

    def absorb(self, other: "_Counts", group_of: Callable[[Integers], Integers]) -> None:
        """Add what another has counted, each of its groups to the one that is named for it."""
        self._settle()
        other._settle()
        keys = (group_of(other._keys >> _ELAPSED_BITS) << _ELAPSED_BITS) | (other._keys & _ELAPSED_MASK)
        self._merge(np.concatenate([self._keys, keys]), np.concatenate([self._counts, other._counts]))

    def groups(self) -> dict[int, tuple["array[int]", "array[int]"]]:
        """For each group its distinct latencies, ascending, and their counts."""
        self._settle()
        groups = self._keys >> _ELAPSED_BITS
        borders = np.append(_run_starts(groups), len(groups)).tolist()
        return {
            int(groups[begin]): (_as_array(self._keys[begin:stop] & _ELAPSED_MASK), _as_array(self._counts[begin:stop]))
            for begin, stop in pairwise(borders)
        }

    def _settle(self) -> None:
        if not self._waiting:
            return
        keys = np.concatenate(self._pending)
        self._pending, self._waiting = [], 0
        keys, counts = _counted(keys)
        self._merge(np.concatenate([self._keys, keys]), np.concatenate([self._counts, counts]))

    def _merge(self, keys: Integers, counts: Integers) -> None:
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        begins = _run_starts(keys)
        self._keys = keys[begins]
        self._counts = np.add.reduceat(counts[order], begins) if len(begins) else counts


def _counted(keys: Integers) -> tuple[Integers, Integers]:
    """The distinct keys, ascending, and how often each occurs."""
    groups, elapsed = keys >> _ELAPSED_BITS, keys & _ELAPSED_MASK
    lowest, stride = int(groups.min()), int(elapsed.max()) + 1
    if (int(groups.max()) - lowest + 1) * stride <= 8 * len(keys):  # one counter for each possible key is cheapest
        counts = np.bincount((groups - lowest) * stride + elapsed)
        used = np.flatnonzero(counts)
        group, latency = np.divmod(used, stride)
        return ((group + lowest) << _ELAPSED_BITS) | latency, counts[used]
    keys.sort()
    begins = _run_starts(keys)
    return keys[begins], np.diff(np.append(begins, len(keys)))


def _run_starts(values: Integers) -> Integers:
    """Where each run of equal values begins."""
    if not len(values):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.concatenate([np.ones(1, np.bool_), values[1:] != values[:-1]]))


def _as_array(values: Integers) -> "array[int]":
    result = array("q")
    result.frombytes(values.astype(np.int64).tobytes())
    return result


class ArrayCounter:
    """Takes blocks of samples in any order, one file's after the other's, and counts them as the plan asks.

    Whether a sample belongs to the warm-up is known only when the first start of all is, which may be in the last file.
    Until the end the samples that ended before the warm-up would, as it looks so far, are kept one by one; past
    _MAX_UNDECIDED of them the half that ended first is counted by slices of the time, _RAMP_UP_SLICES to a ramp-up. So
    phases are exact unless a sample comes later that began before all others by more than the time which the kept ones
    span (65,536 samples: at 5,000 a second 13 s); even then only samples of one slice may be in the wrong phase.
    """

    def __init__(self, plan: AnalysisPlan, labels: Labels, errors: ErrorKinds) -> None:
        self._file = -1
        self._layout = DEFAULT_LAYOUT
        self._layouts: dict[int, Layout] = {}
        self._plan = plan
        self._labels = labels
        self._errors = errors
        self._fault_start = _FAR if plan.fault_start is None else epoch_ms(plan.fault_start)
        self._fault_end = _FAR if plan.fault_end is None else epoch_ms(plan.fault_end)
        self._label_totals: dict[int, _Totals] = {}
        self._label_counts = _Counts()
        self._other_totals: dict[int, _Totals] = {}
        self._other_counts = _Counts()
        self._untold = 0
        self._bucket_totals: dict[int, _Totals] = {}
        self._bucket_counts = _Counts()
        self._bucket_ms = bucket_width(0, 0, plan.bucket_ms)
        self._origin: int | None = None
        self._phase_totals: dict[int, _Totals] = {}
        self._phase_counts = _Counts()
        self._before_fault = seconds_before_fault(plan)
        self._before_fault_totals: dict[int, _Totals] = {}
        self._before_fault_counts = _Counts()
        self._undecided: list[_FileRows] = []
        self._slice_ms = max(1, plan.ramp_up_sec * 1000 // _RAMP_UP_SLICES)
        self._slices_from: int | None = None
        self._slice_totals: dict[int, _Totals] = {}
        self._slice_counts = _Counts()
        self._first_start, self._first_end = _FAR, _FAR
        self._last_ends: dict[int, int] = {}

    def begin(self, layout: Layout) -> None:
        """A file begins: what is added from here on is of it."""
        self._file += 1
        self._layout = layout

    def add(self, block: ColumnBlock) -> None:
        """Count a block's samples."""
        if not len(block.start):
            return
        self._layouts[self._file] = self._layout
        rows = _Rows(
            block.start,
            block.start + block.elapsed,
            block.elapsed,
            block.failed,
            block.received,
            block.sent,
            block.threads,
        )
        no_request = block.no_request
        if block.group is not None:
            self._count_others(rows, block.group, no_request)
        if block.label is not None:
            label, order = _sorted(block.label)
            # What is no load stands first now; that saves choosing the rest a second time.
            begin = int(np.searchsorted(label, NO_LABEL_OF_LOAD, "right"))
            rows, label = rows.where(order).where(slice(begin, None)), label[begin:]
            no_request = None if no_request is None else no_request[order][begin:]
            if len(label):
                _add_up(self._label_totals, label, rows, self._file)
                self._label_counts.add(label, rows.elapsed)
        elif block.group is not None:
            load = np.flatnonzero(is_main(block.group))
            rows = rows.where(load)
            no_request = None if no_request is None else no_request[load]
        if no_request is not None:
            rows = rows.where(np.flatnonzero(~no_request))
        if not len(rows.start):
            return
        self._first_start = min(self._first_start, int(rows.start.min()))
        self._first_end = min(self._first_end, int(rows.end.min()))
        self._last_ends[self._file] = max(self._last_ends.get(self._file, 0), int(rows.end.max()))
        self._count_buckets(rows)
        self._count_phases(rows)
        self._count_before_fault(rows)

    def counted(self, skipped: int) -> CountedSamples:
        """What has been counted, with the number of records that were skipped."""
        told = told_by(self._layouts.values())
        groups_known = self._plan.groups.known and told.thread_name
        self._decide()
        phase_counts = self._phase_counts.groups()
        self._phase_counts.regroup(len(PhaseName), 0, 0)
        overall_totals = _Totals()
        for totals in self._phase_totals.values():
            overall_totals.add(totals)
        names = list(PhaseName)
        keys = self._labels.keys()
        origin = self._origin or 0
        return CountedSamples(
            overall=_group(overall_totals, self._phase_counts.groups().get(0, (array("q"), array("q"))), told),
            labels={
                keys[number]: _group(self._label_totals[number], found, told)
                for number, found in self._label_counts.groups().items()
                if number > OTHER_LABEL and told.label
            },
            other_labels=self._label_totals.get(OTHER_LABEL, _Totals()).samples if told.label else 0,
            phases={names[code]: _group(self._phase_totals[code], found, told) for code, found in phase_counts.items()},
            bucket_ms=self._bucket_ms,
            buckets={
                index + origin: _group(self._bucket_totals[index + origin], found, told)
                for index, found in self._bucket_counts.groups().items()
            },
            errors=self._errors.counts() if told.success else {},
            other_errors=self._errors.others if told.success else 0,
            skipped=skipped,
            last_ends=tuple(self._last_ends.values()),
            before_fault=_group(
                self._before_fault_totals.get(0, _Totals()),
                self._before_fault_counts.groups().get(0, (array("q"), array("q"))),
                told,
            ),
            set_up=self._other_group(GroupKind.SETUP, told),
            tear_down=self._other_group(GroupKind.TEARDOWN, told),
            untold=self._untold if groups_known else 0,
            groups_known=groups_known,
        )

    def _count_others(self, rows: _Rows, group: Integers, no_request: Flags | None) -> None:
        """Count the requests of other groups by themselves, and those of no group."""
        chosen = np.flatnonzero(group)
        if no_request is not None:
            chosen = chosen[~no_request[chosen]]
        group = group[chosen]
        untold = group == UNTOLD
        self._untold += int(np.count_nonzero(untold))
        others = chosen[~untold]
        if len(others):
            group, rows = group[~untold], rows.where(others)
            self._tally(self._other_totals, group, rows)
            self._other_counts.add(group, rows.elapsed)

    def _other_group(self, kind: GroupKind, told: Told) -> Group | None:
        code = GROUP_CODES.index(kind)
        if code not in self._other_totals:
            return None
        return _group(self._other_totals[code], self._other_counts.groups()[code], told)

    @property
    def _last_end(self) -> int:
        return max(self._last_ends.values())

    def _count_buckets(self, rows: _Rows) -> None:
        width = bucket_width(self._first_end, self._last_end, self._plan.bucket_ms, at_least=self._bucket_ms)
        if self._origin is None:
            self._origin = self._first_end // width
        elif width != self._bucket_ms:
            divisor = width // self._bucket_ms
            self._bucket_counts.regroup(divisor, self._origin, self._origin // divisor)
            self._origin //= divisor
            narrow, self._bucket_totals = self._bucket_totals, {}
            for index, totals in narrow.items():
                self._bucket_totals.setdefault(index // divisor, _Totals()).add(totals)
        self._bucket_ms = width
        indexes = rows.end // width
        self._tally(self._bucket_totals, indexes, rows)
        self._bucket_counts.add(indexes - self._origin, rows.elapsed)

    def _count_phases(self, rows: _Rows) -> None:
        warm_up_end = min(self._first_start + self._plan.ramp_up_sec * 1000, self._fault_start)
        phase: Integers = (rows.end >= warm_up_end).astype(np.int64)
        phase += rows.end >= self._fault_start
        phase += rows.end >= self._fault_end
        open_rows = phase == 0
        if open_rows.any():
            self._undecided.append(_FileRows(self._file, rows.where(open_rows)))
            self._slice_oldest()
            rows = rows.where(~open_rows)
            phase = phase[~open_rows]
        if len(phase):
            self._tally(self._phase_totals, phase, rows)
            self._phase_counts.add(phase, rows.elapsed)

    def _count_before_fault(self, rows: _Rows) -> None:
        if not self._before_fault:
            return
        chosen: Flags = (rows.end >= self._before_fault.start) & (rows.end < self._before_fault.stop)
        if chosen.any():
            last = rows.where(chosen)
            self._tally(self._before_fault_totals, np.zeros(len(last.end), np.int64), last)
            self._before_fault_counts.add(0, last.elapsed)

    def _slice_oldest(self) -> None:
        if sum(len(kept.rows.end) for kept in self._undecided) <= _MAX_UNDECIDED:
            return
        ends = np.concatenate([kept.rows.end for kept in self._undecided])
        last_old = np.partition(ends, len(ends) // 2)[len(ends) // 2]
        if self._slices_from is None:
            self._slices_from = self._first_start
        undecided, self._undecided = self._undecided, []
        for file, rows in undecided:
            old = rows.end <= last_old
            if old.any():
                sliced = rows.where(old)
                number = np.clip(
                    (sliced.end - self._slices_from) // self._slice_ms, -_MAX_SLICES_AWAY, _MAX_SLICES_AWAY
                )
                _tally(self._slice_totals, number, sliced, file)
                self._slice_counts.add(number, sliced.elapsed)
            if not old.all():
                self._undecided.append(_FileRows(file, rows.where(~old)))

    def _decide(self) -> None:
        """The first start is known now: put what ended before the warm-up may have been over into its phase."""
        if not self._last_ends:
            return
        warm_up_end = phase_cuts(self._first_start, self._last_end, self._plan).warm_up_end
        for file, rows in self._undecided:
            phase: Integers = (rows.end >= warm_up_end).astype(np.int64)
            _tally(self._phase_totals, phase, rows, file)
            self._phase_counts.add(phase, rows.elapsed)
        self._undecided = []
        if self._slices_from is None:
            return
        # Of a slice that the warm-up's end cuts all is taken for warm-up.
        first_of_baseline = -(-(warm_up_end - self._slices_from) // self._slice_ms)
        for number, totals in self._slice_totals.items():
            self._phase_totals.setdefault(int(number >= first_of_baseline), _Totals()).add(totals)
        self._phase_counts.absorb(self._slice_counts, lambda number: (number >= first_of_baseline).astype(np.int64))

    def _tally(self, into: dict[int, _Totals], group: Integers, rows: _Rows) -> None:
        _tally(into, group, rows, self._file)


def _group(totals: _Totals, counts: tuple["array[int]", "array[int]"], told: Told) -> Group:
    return Group(
        samples=totals.samples,
        errors=totals.errors if told.success else None,
        received_bytes=totals.received if told.received else None,
        sent_bytes=totals.sent if told.sent else None,
        first_start=totals.first_start if totals.samples else None,
        last_end=totals.last_end if totals.samples else None,
        max_threads=sum(totals.threads.values()) if told.threads and totals.samples else None,
        elapsed_total=totals.elapsed,
        elapsed=counts[0],
        counts=counts[1],
    )


def _tally(into: dict[int, _Totals], group: Integers, rows: _Rows, file: int) -> None:
    """Add each row of a file to the totals of its group."""
    group, order = _sorted(group)
    _add_up(into, group, rows.where(order), file)


def _sorted(group: Integers) -> tuple[Integers, Integers | slice]:
    """The groups of rows in ascending order, and the order of the rows."""
    lowest, highest = int(group.min()), int(group.max())
    if lowest == highest:
        return group, slice(None)
    narrow: NDArray[np.int64] | NDArray[np.uint16] = group - lowest
    if highest - lowest < 1 << 16:
        narrow = narrow.astype(np.uint16)  # sorted by radix, several times as fast
    order = np.argsort(narrow, kind="stable")
    return group[order], order


def _add_up(into: dict[int, _Totals], group: Integers, ordered: _Rows, file: int) -> None:
    """Add rows that are in the order of their groups to their totals."""
    begins = np.zeros(1, np.int64) if group[0] == group[-1] else _run_starts(group)
    numbers = group[begins].tolist()
    sizes = np.diff(np.append(begins, len(group))).tolist()

    def sums(column: Integers | Flags | None) -> Iterable[int]:
        if column is None:
            return [0] * len(numbers)
        found: list[int] = np.add.reduceat(column, begins, dtype=np.int64).tolist()
        return found

    figures = zip(
        numbers,
        sizes,
        sums(ordered.failed),
        sums(ordered.received),
        sums(ordered.sent),
        sums(ordered.elapsed),
        np.minimum.reduceat(ordered.start, begins).tolist(),
        np.maximum.reduceat(ordered.end, begins).tolist(),
        [-1] * len(numbers) if ordered.threads is None else np.maximum.reduceat(ordered.threads, begins).tolist(),
        strict=True,
    )
    for number, size, errors, received, sent, elapsed, first_start, last_end, threads in figures:
        totals = into.setdefault(number, _Totals())
        totals.samples += size
        totals.errors += errors
        totals.received += received
        totals.sent += sent
        totals.elapsed += elapsed
        totals.first_start = min(totals.first_start, first_start)
        totals.last_end = max(totals.last_end, last_end)
        if threads >= 0:
            totals.saw_threads(file, threads)
