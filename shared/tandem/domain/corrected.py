"""Percentiles that also count the requests which users would have sent while a thread waited: an estimate.

A JMeter thread sends its next request only after the answer to the last, so a stall of ten seconds shows up as one
slow sample instead of the many that users would have felt ("coordinated omission", Gil Tene, "How NOT to Measure
Latency"). The correction is that of HdrHistogram's recordValueWithExpectedInterval: beside each latency v longer than
the expected interval i stand v - i, v - 2i, ... down to i. The expected interval is the time from one request of a
thread to its next in the baseline: threads divided by requests per second. It holds only if threads would have kept
that pace.

What is added waited less than the request that stalled, so where all of a phase is slow the estimate would come out
below the percentile that was observed. Users waited at least as long as was observed: the higher of the two stands.
"""

from dataclasses import dataclass

from tandem.domain.samples import Group
from tandem.domain.summary import percentiles

METHOD = "expected-interval"


@dataclass(frozen=True, slots=True)
class Corrected:
    """The stall-honest p95 and p99 in ms; ``interval_ms`` is the expected interval that was used."""

    p95: int
    p99: int
    interval_ms: int
    method: str = METHOD


def expected_interval_ms(baseline: Group, length_ms: int) -> int | None:
    """The interval between one thread's requests in a baseline of that length; None when threads are not known."""
    if not baseline.max_threads or not baseline.samples:
        return None
    return max(1, round(baseline.max_threads * length_ms / baseline.samples))


def corrected(group: Group, interval_ms: int) -> Corrected | None:
    """The corrected percentiles of a group; None without samples."""
    if not group.samples:
        return None
    total = _count_up_to(group, interval_ms, group.elapsed[-1])
    p95, p99 = (
        max(observed or 0, _nearest_rank(group, interval_ms, -(-p * total // 100)))
        for p, observed in zip((95, 99), percentiles(group.elapsed, group.counts, (95, 99)), strict=True)
    )
    return Corrected(p95, p99, interval_ms)


def _nearest_rank(group: Group, interval: int, rank: int) -> int:
    """The smallest value that at least ``rank`` of the corrected values do not exceed."""
    low, high = 0, group.elapsed[-1]
    while low < high:
        middle = (low + high) // 2
        if _count_up_to(group, interval, middle) >= rank:
            high = middle
        else:
            low = middle + 1
    return low


def _count_up_to(group: Group, interval: int, limit: int) -> int:
    """How many of the corrected values are at most ``limit``, without making them one by one."""
    count = 0
    for value, times in zip(group.elapsed, group.counts, strict=True):
        added = max(0, value // interval - 1)
        above = 0 if value <= limit else min(added, -(-(value - limit) // interval) - 1)
        count += times * (added - above + (value <= limit))
    return count
