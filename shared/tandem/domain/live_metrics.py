"""What an engine measures of a load while it runs, and the parts of a load on several engines taken together.

An engine of ours counts requests of main thread groups alone, and tells what belongs to set-up and tear-down groups
apart. A deployed engine that does not know groups counts every sample, and leaves all optional figures None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tandem.domain.generator_health import GeneratorHealth, healths_together


@dataclass(frozen=True, slots=True)
class RecentFigures:
    """Figures of the last ``seconds`` (at most 3 whole ones of the clock): of the requests that ended in them.

    ``error_rate`` is 0..1 and 0 without requests; ``p95_ms`` is None where it was not told.
    """

    seconds: float
    samples: int
    errors: int
    error_rate: float
    requests_per_sec: float
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class TopError:
    """The most frequent error of a load so far: response code, message, and how many requests ended in it."""

    code: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Requests of one kind of thread group."""

    samples: int
    errors: int


@dataclass(frozen=True, slots=True)
class LiveMetrics:
    """A snapshot of a run: times in ms, ``error_rate`` 0..1, ``throughput`` in requests/s over the engine's last 5 s.

    ``at`` is by the engine's clock. ``whole_seconds``: in how many whole seconds of the clock, now over, a main request
    ended. ``untold_samples`` match no thread group of the plan, and count as load.
    """

    total_requests: int
    success_count: int
    error_count: int
    error_rate: float
    throughput: float
    active_threads: int
    avg_response_ms: float
    max_response_ms: float
    min_response_ms: float
    at: datetime | None
    recent: RecentFigures | None = None
    whole_seconds: int | None = None
    top_error: TopError | None = None
    set_up: GroupCounts | None = None
    tear_down: GroupCounts | None = None
    untold_samples: int | None = None
    groups_known: bool | None = None
    generator: GeneratorHealth | None = None


def in_all(parts: Sequence[LiveMetrics | None]) -> LiveMetrics | None:
    """The parts of a load as one; None unless each has samples, because a load of which a part is missing is not all.

    The average response is weighted by requests; ``at`` is the latest. A figure that one part does not tell is not
    told of the whole. ``whole_seconds`` are those of the part that has fewest.
    """
    if len(parts) == 1:
        return parts[0]
    told = [part for part in parts if part is not None and part.total_requests > 0]
    if not told or len(told) < len(parts):
        return None
    total = sum(part.total_requests for part in told)
    errors = sum(part.error_count for part in told)
    seconds = [part.whole_seconds for part in told]
    untold = [part.untold_samples for part in told]
    known = [part.groups_known for part in told]
    return LiveMetrics(
        total_requests=total,
        success_count=sum(part.success_count for part in told),
        error_count=errors,
        error_rate=errors / total,
        throughput=sum(part.throughput for part in told),
        active_threads=sum(part.active_threads for part in told),
        avg_response_ms=sum(part.avg_response_ms * part.total_requests for part in told) / total,
        max_response_ms=max(part.max_response_ms for part in told),
        min_response_ms=min(part.min_response_ms for part in told),
        at=max((part.at for part in told if part.at is not None), default=None),
        recent=_recent_in_all([part.recent for part in told]),
        whole_seconds=min(each or 0 for each in seconds) if any(each is not None for each in seconds) else None,
        top_error=_top_in_all([part.top_error for part in told]),
        set_up=_counts_in_all([part.set_up for part in told]),
        tear_down=_counts_in_all([part.tear_down for part in told]),
        untold_samples=None if None in untold else sum(each or 0 for each in untold),
        groups_known=None if None in known else all(known),
        generator=healths_together([part.generator for part in told]),
    )


def _recent_in_all(parts: Sequence[RecentFigures | None]) -> RecentFigures | None:
    """Rates of seconds that differ a little are added; the p95 of the whole is at most the worst of the parts."""
    told = [part for part in parts if part is not None]
    if len(told) < len(parts):
        return None
    samples, errors = sum(part.samples for part in told), sum(part.errors for part in told)
    worst = [part.p95_ms for part in told if part.p95_ms is not None]
    return RecentFigures(
        seconds=max(part.seconds for part in told),
        samples=samples,
        errors=errors,
        error_rate=errors / samples if samples else 0.0,
        requests_per_sec=sum(part.requests_per_sec for part in told),
        p95_ms=max(worst) if len(worst) == len(told) else None,
    )


def _top_in_all(parts: Sequence[TopError | None]) -> TopError | None:
    """The most frequent of the parts' most frequent errors, counted together where they are the same."""
    counts: dict[tuple[str, str], int] = {}
    for part in parts:
        if part is not None:
            key = part.code, part.message
            counts[key] = counts.get(key, 0) + part.count
    if not counts:
        return None
    (code, message), count = max(counts.items(), key=lambda each: (each[1], each[0]))
    return TopError(code, message, count)


def _counts_in_all(parts: Sequence[GroupCounts | None]) -> GroupCounts | None:
    told = [part for part in parts if part is not None]
    if len(told) < len(parts):
        return None
    return GroupCounts(sum(part.samples for part in told), sum(part.errors for part in told))
