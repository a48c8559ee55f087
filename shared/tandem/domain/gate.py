"""The traffic check (gate): when a load counts as real and healthy, and what to say while it does not.

A load is real when enough requests arrived in enough whole seconds, and healthy when few enough of the last ones
failed. Numbers of requests and seconds count from the load's start; throughput and error rate are those of its last
seconds (``LiveMetrics.recent``), so that a service that recovers passes, and one that has just died does not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tandem.domain.live_metrics import LiveMetrics, RecentFigures, TopError

LOOK_BACK = timedelta(seconds=3)
"""How far apart two looks at an engine that tells no figures of its last seconds must be, for them to be compared."""

_OF_JMETER = ("Non HTTP response code: ", "Non HTTP response message: ")
_NOT_CONNECTED = re.compile(r"Connect to (?P<address>\S+) \[.*\] failed: (?P<why>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GateBounds:
    """What a gate asks for: ``min_throughput`` in requests/s (None: anything), ``max_error_rate`` 0..1."""

    timeout_sec: int = 60
    min_throughput: float | None = None
    max_error_rate: float = 0.5
    min_samples: int = 20
    min_seconds: int = 3


@dataclass(frozen=True, slots=True)
class GateFigures:
    """What was measured of a load: ``samples`` in ``seconds`` whole seconds so far, the rest of its last seconds.

    ``silent`` names those engines, of several, that send nothing. The figures of the last seconds are None while there
    are none; ``set_up_samples`` are those of set-up thread groups, which prove no load.
    """

    samples: int = 0
    seconds: int = 0
    recent: RecentFigures | None = None
    top_error: TopError | None = None
    set_up_samples: int = 0
    silent: tuple[str, ...] = ()

    @classmethod
    def of(cls, metrics: LiveMetrics | None, silent: Sequence[str] = ()) -> "GateFigures":
        """The figures of a load's metrics, those of all its engines together; None: nothing was seen of it."""
        if metrics is None:
            return cls(silent=tuple(silent))
        return cls(
            samples=metrics.total_requests,
            seconds=metrics.whole_seconds or 0,
            recent=metrics.recent,
            top_error=metrics.top_error,
            set_up_samples=0 if metrics.set_up is None else metrics.set_up.samples,
            silent=tuple(silent),
        )


class LooksBack:
    """Figures of the last seconds for an engine that tells none: the difference of two looks at it.

    Such an engine counts every sample, those of set-up groups too.
    """

    def __init__(self) -> None:
        self._looks: dict[str, list[tuple[datetime, LiveMetrics]]] = {}

    def complete(self, engine: str, metrics: LiveMetrics | None, now: datetime) -> LiveMetrics | None:
        """The metrics with the figures that the engine itself does not tell, as well as looks so far allow."""
        if metrics is None or metrics.recent is not None or metrics.whole_seconds is not None:
            return metrics
        looks = self._looks.setdefault(engine, [])
        if looks and metrics.total_requests < looks[-1][1].total_requests:
            # It counts anew, as after a restart.
            looks.clear()
        if metrics.total_requests == 0:
            return metrics
        looks.append((now, metrics))
        lasted = next(at for at, look in looks if look.total_requests == metrics.total_requests) - looks[0][0]
        whole = replace(metrics, whole_seconds=int(lasted.total_seconds()))
        earlier = [(at, look) for at, look in looks if now - at >= LOOK_BACK]
        if not earlier:
            return whole
        at, before = earlier[-1]
        return replace(whole, recent=_between(before, metrics, (now - at).total_seconds()))


def seconds_to_pass(wanted: GateBounds) -> int:
    """How long a good load needs from its first request to the look that finds it proven, at the least, in seconds.

    The whole seconds asked for, the one that the load began in the middle of, and one until the look.
    """
    return wanted.min_seconds + 2 if wanted.min_seconds else 0


def shortfalls(wanted: GateBounds, measured: GateFigures) -> list[str]:
    """What keeps a load from passing, in sentences without a full stop; none when it passes."""
    recent = measured.recent
    if measured.samples == 0 or measured.silent:
        return [_nothing_arrived(measured)]
    found = []
    if measured.samples < wanted.min_samples or measured.seconds < wanted.min_seconds:
        found.append(
            f"{measured.samples} requests in {measured.seconds} s "
            f"(gate wants at least {wanted.min_samples} in {wanted.min_seconds} s)"
        )
    judges_last_seconds = wanted.min_throughput is not None or wanted.max_error_rate < 1
    if recent is None:
        if judges_last_seconds and not found:
            found.append(f"{measured.samples} requests, too few seconds of them to judge by")
        return found
    if recent.samples == 0:
        if judges_last_seconds:
            found.append(f"no request ended in the last {recent.seconds:g} s")
        return found
    if wanted.min_throughput is not None and recent.requests_per_sec < wanted.min_throughput:
        found.append(f"{recent.requests_per_sec:.1f} requests/s (gate wants at least {wanted.min_throughput:g})")
    if recent.error_rate > wanted.max_error_rate:
        found.append(
            f"{_percent(recent.error_rate)} of {recent.samples} requests failed in the last {recent.seconds:g} s "
            f"(gate allows {_percent(wanted.max_error_rate)})"
        )
    return found


def why_not_proven(wanted: GateBounds, measured: GateFigures) -> str:
    """What keeps a load from passing, and its most frequent error, for people."""
    said = ", ".join(shortfalls(wanted, measured))
    top = measured.top_error
    if top is None or measured.samples == 0:
        return said
    return f"{said}. Most frequent: {named(top)} ({top.count} of {measured.samples} requests so far)"


def described(measured: GateFigures) -> str:
    """What was measured, for people."""
    said = f"{measured.samples} requests in {measured.seconds} s"
    if measured.recent is None:
        return said
    rate = f"{measured.recent.requests_per_sec:.1f} requests/s"
    return f"{said}, lately {rate}, error rate {_percent(measured.recent.error_rate)}"


def named(error: TopError) -> str:
    """An error as people call it: without JMeter's words before the class and the message of an exception."""
    code, message = error.code, error.message
    for prefix in _OF_JMETER:
        code, message = code.removeprefix(prefix), message.removeprefix(prefix)
    if error.code.startswith(_OF_JMETER[0]):
        name = code.rpartition(".")[2]
        if (refused := _NOT_CONNECTED.fullmatch(message)) is not None:
            message = f"{refused['why']} at {refused['address']}"
        # What Apache's client calls a host's refusal is what everybody else calls a refused connection.
        name = "ConnectException" if name == "HttpHostConnectException" else name
        return f"{name}: {message}" if message else name
    return " ".join(part for part in (code, message) if part) or "an error without a code"


def _nothing_arrived(measured: GateFigures) -> str:
    where = f" from {', '.join(measured.silent)}" if measured.silent else ""
    if measured.set_up_samples:
        return (
            f"no samples arrived{where}: no main thread group has sent a request yet, "
            f"set-up thread groups have sent {measured.set_up_samples}"
        )
    return f"no samples arrived{where}"


def _between(before: LiveMetrics, after: LiveMetrics, seconds: float) -> RecentFigures:
    samples = after.total_requests - before.total_requests
    errors = min(max(after.error_count - before.error_count, 0), samples)
    return RecentFigures(
        seconds=round(seconds, 1),
        samples=samples,
        errors=errors,
        error_rate=errors / samples if samples else 0.0,
        requests_per_sec=samples / seconds,
        p95_ms=None,
    )


def _percent(rate: float) -> str:
    return f"{rate * 100:.4g} %"
