"""The figures of a group of samples: exact, from its distinct latencies.

Percentiles are nearest-rank: the smallest observed value that at least p percent of the samples do not exceed
(NIST/SEMATECH e-Handbook of Statistical Methods 7.2.6.2 lists the definition; it never invents a value between two).
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from tandem.domain.samples import Group, moment

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies (JMeter's ``elapsed``) in ms; all None for a group without samples."""

    mean: float | None
    min: int | None
    max: int | None
    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A group's figures: ``error_rate`` 0..1, bytes, UTC times.

    ``errors`` and ``error_rate`` are None when the file does not say what failed; ``requests_per_sec`` is None when
    the span has no length; ``skipped_lines`` is None where skipped records cannot be attributed to the group.
    """

    samples: int
    errors: int | None
    error_rate: float | None
    requests_per_sec: float | None
    latency: Latency
    received_bytes: int | None
    sent_bytes: int | None
    start: datetime | None
    end: datetime | None
    skipped_lines: int | None


def percentiles(elapsed: Sequence[int], counts: Sequence[int], wanted: Sequence[int]) -> list[int | None]:
    """Nearest-rank percentiles of counted values; ``elapsed`` ascending, each of ``wanted`` in 1..100."""
    running = list(accumulate(counts))
    if not running:
        return [None] * len(wanted)
    total = running[-1]
    return [elapsed[bisect_left(running, -(-p * total // 100))] for p in wanted]


def latency(group: Group) -> Latency:
    """The latencies of a group, in ms."""
    if not group.samples:
        return Latency(None, None, None, None, None, None, None)
    p50, p90, p95, p99 = percentiles(group.elapsed, group.counts, PERCENTILES)
    return Latency(group.elapsed_total / group.samples, group.elapsed[0], group.elapsed[-1], p50, p90, p95, p99)


def error_rate(group: Group) -> float | None:
    """Errors for each sample, 0..1; None without samples or when the file does not say what failed."""
    return None if group.errors is None or not group.samples else group.errors / group.samples


def summarise(group: Group, skipped_lines: int | None = None) -> Summary:
    """A group's figures over its own span, from its first start to its last end."""
    if group.first_start is None or group.last_end is None:
        return _summary(group, 0.0, None, None, skipped_lines)
    span_ms = group.last_end - group.first_start
    rate = group.samples * 1000 / span_ms if span_ms else None
    return _summary(group, rate, moment(group.first_start), moment(group.last_end), skipped_lines)


def summarise_between(group: Group, start_ms: int, end_ms: int) -> Summary:
    """A group's figures over given bounds (epoch ms, ``end_ms`` above ``start_ms``)."""
    rate = group.samples * 1000 / (end_ms - start_ms)
    return _summary(group, rate, moment(start_ms), moment(end_ms), None)


def _summary(
    group: Group, rate: float | None, start: datetime | None, end: datetime | None, skipped_lines: int | None
) -> Summary:
    return Summary(
        samples=group.samples,
        errors=group.errors,
        error_rate=error_rate(group),
        requests_per_sec=rate,
        latency=latency(group),
        received_bytes=group.received_bytes,
        sent_bytes=group.sent_bytes,
        start=start,
        end=end,
        skipped_lines=skipped_lines,
    )
