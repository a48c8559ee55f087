"""A run over time, in buckets of equal width.

A bucket holds the samples that ended in it and is stamped with its start, a multiple of the width since the epoch.
Rates are over the bucket's whole width.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tandem.domain.samples import CountedSamples, Group
from tandem.domain.summary import Latency, error_rate, latency

MAX_CHOSEN_BUCKETS = 300
MAX_GIVEN_BUCKETS = 3000

_ROUND_WIDTHS_MS = (
    1_000, 2_000, 10_000, 20_000, 60_000, 120_000, 600_000, 1_200_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000,
    86_400_000,
)  # fmt: skip

Point = tuple[int, float | int | None]


@dataclass(frozen=True, slots=True)
class Timeseries:
    """Series of (epoch ms of the bucket's start, value).

    Latencies in ms, ``success_rate`` in percent, byte rates in bytes/s, ``throughput`` in requests/s. A bucket without
    samples has throughput 0 and None for what cannot be known.
    """

    bucket_ms: int
    avg_latency: list[Point]
    min_latency: list[Point]
    max_latency: list[Point]
    p90: list[Point]
    p95: list[Point]
    p99: list[Point]
    success_rate: list[Point]
    throughput_received: list[Point]
    throughput_sent: list[Point]
    throughput: list[Point]
    active_threads: list[Point]


def bucket_width(first_end: int, last_end: int, wanted: int | None, at_least: int = 1) -> int:
    """The width in ms of the buckets of a run whose samples ended between two epoch ms.

    Without a wish: the smallest round width that makes at most MAX_CHOSEN_BUCKETS. With one: the wish, doubled until
    there are at most MAX_GIVEN_BUCKETS. Each candidate divides the next, so buckets can be merged while reading;
    ``at_least`` is the width already in use. The result depends on the span alone, not on the order of the samples.
    """
    limit = MAX_CHOSEN_BUCKETS if wanted is None else MAX_GIVEN_BUCKETS
    return next(
        width for width in _widths(wanted) if width >= at_least and last_end // width - first_end // width < limit
    )


def _widths(wanted: int | None) -> Iterator[int]:
    if wanted is None:
        yield from _ROUND_WIDTHS_MS
        wanted = 2 * _ROUND_WIDTHS_MS[-1]
    while True:
        yield wanted
        wanted *= 2


def timeseries(counted: CountedSamples) -> Timeseries:
    """The series of a run, without gaps from its first to its last bucket; empty for a run without samples."""
    width = counted.bucket_ms
    used = sorted(counted.buckets)
    indexes = range(used[0], used[-1] + 1) if used else range(0)
    rows = [(index * width, counted.buckets.get(index)) for index in indexes]
    latencies = [(stamp, None if group is None else latency(group)) for stamp, group in rows]

    def of_latency(figure: Callable[[Latency], float | int | None]) -> list[Point]:
        return [(stamp, None if figures is None else figure(figures)) for stamp, figures in latencies]

    def of_group(figure: Callable[[Group], float | int | None], empty: float | int | None) -> list[Point]:
        return [(stamp, empty if group is None else figure(group)) for stamp, group in rows]

    def rate(amount: int | None) -> float | None:
        return None if amount is None else amount * 1000 / width

    return Timeseries(
        bucket_ms=width,
        avg_latency=of_latency(lambda figures: figures.mean),
        min_latency=of_latency(lambda figures: figures.min),
        max_latency=of_latency(lambda figures: figures.max),
        p90=of_latency(lambda figures: figures.p90),
        p95=of_latency(lambda figures: figures.p95),
        p99=of_latency(lambda figures: figures.p99),
        success_rate=of_group(_success_percent, None),
        throughput_received=of_group(
            lambda group: rate(group.received_bytes), rate(None if counted.overall.received_bytes is None else 0)
        ),
        throughput_sent=of_group(
            lambda group: rate(group.sent_bytes), rate(None if counted.overall.sent_bytes is None else 0)
        ),
        throughput=of_group(lambda group: rate(group.samples), 0.0),
        active_threads=of_group(lambda group: group.max_threads, None),
    )


def _success_percent(group: Group) -> float | None:
    failed = error_rate(group)
    return None if failed is None else 100 * (1 - failed)
