"""When users began to feel a fault, and when they no longer did: against a band from the baseline's own noise.

For each bucket of the series three figures are looked at: p95 latency, error rate, throughput. The band of a figure is
its median over the baseline's whole buckets, plus or minus NOISE_FACTOR robust standard deviations (1.4826 times the
median absolute deviation: Leys et al., "Detecting outliers: Do not use standard deviation around the mean, use
absolute deviation around the median", J. Exp. Soc. Psychol. 49, 2013, who name 3 the conservative factor), but never
narrower than a share of the median, or a still baseline would call any ripple a breach. A bucket is breached when p95
or the error rate is above its band or throughput below. A breach or a return is sustained when it lasts SUSTAINED
buckets running. Answers are as fine as a bucket is wide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from tandem.domain.phases import PhaseBounds
from tandem.domain.samples import CountedSamples, Group, PhaseName
from tandem.domain.summary import error_rate, percentiles

NOISE_FACTOR = 3.0
SUSTAINED = 3
MIN_BASELINE_BUCKETS = 5
LEAST_LATENCY_SHARE = 0.1
LEAST_THROUGHPUT_SHARE = 0.1
LEAST_LATENCY_MS = 5.0
LEAST_ERROR_RATE = 0.01

_SCALE = 1.4826


class Figure(StrEnum):
    P95 = "P95"
    ERROR_RATE = "ERROR_RATE"
    THROUGHPUT = "THROUGHPUT"


@dataclass(frozen=True, slots=True)
class Band:
    """What is usual in the baseline: p95 at most this many ms, errors at most this rate, at least these requests/s.

    ``usual_...`` are the medians that the limits stand around.
    """

    p95_ms: float
    error_rate: float | None
    requests_per_sec: float
    usual_p95_ms: float
    usual_error_rate: float | None
    usual_requests_per_sec: float

    def limit(self, figure: Figure) -> float | None:
        """The edge of the band on the bad side; None where the file does not tell the figure."""
        match figure:
            case Figure.P95:
                return self.p95_ms
            case Figure.ERROR_RATE:
                return self.error_rate
            case Figure.THROUGHPUT:
                return self.requests_per_sec

    def usual(self, figure: Figure) -> float | None:
        """The baseline's median; None where the file does not tell the figure."""
        match figure:
            case Figure.P95:
                return self.usual_p95_ms
            case Figure.ERROR_RATE:
                return self.usual_error_rate
            case Figure.THROUGHPUT:
                return self.usual_requests_per_sec

    def is_outside(self, figure: Figure, value: float | None) -> bool:
        """Whether a figure is worse than usual beyond the noise; what is None is not judged."""
        limit = self.limit(figure)
        if value is None or limit is None:
            return False
        return value < limit if figure is Figure.THROUGHPUT else value > limit


@dataclass(frozen=True, slots=True)
class Recovery:
    """How the fault was felt; times in seconds.

    ``time_to_detect_sec`` runs from the fault's start to the first sustained breach, ``time_to_recover_sec`` from its
    end to the first sustained return (None: not within the run), both None when nothing was felt; then ``recovered`` is
    None too. ``breach_sec`` is the time in breached buckets from the fault's start on; ``worst`` holds, of the figures
    that were breached SUSTAINED buckets running, the worst value in any breached bucket.
    """

    time_to_detect_sec: float | None
    time_to_recover_sec: float | None
    recovered: bool | None
    breach_sec: float
    worst: Mapping[Figure, float]


def baseline_band(counted: CountedSamples, bounds: Sequence[PhaseBounds]) -> Band | None:
    """The band of a run; None when fewer than MIN_BASELINE_BUCKETS whole buckets lie within the baseline."""
    baseline = next((phase for phase in bounds if phase.name is PhaseName.BASELINE), None)
    if baseline is None:
        return None
    width = counted.bucket_ms
    whole = range(-(-baseline.start // width), baseline.end // width)
    if len(whole) < MIN_BASELINE_BUCKETS:
        return None
    figures = [_figures(counted.buckets.get(index), width) for index in whole]
    latencies = [p95 for p95, _, _ in figures if p95 is not None]
    rates = [rate for _, rate, _ in figures if rate is not None]
    if not latencies:
        return None
    usual, noise = _usual(latencies)
    usual_rate, rate_noise = _usual([throughput for _, _, throughput in figures])
    error_limit = usual_errors = None
    if rates:
        usual_errors, error_noise = _usual(rates)
        error_limit = usual_errors + max(NOISE_FACTOR * error_noise, LEAST_ERROR_RATE)
    return Band(
        p95_ms=usual + max(NOISE_FACTOR * noise, LEAST_LATENCY_SHARE * usual, LEAST_LATENCY_MS),
        error_rate=error_limit,
        requests_per_sec=usual_rate - max(NOISE_FACTOR * rate_noise, LEAST_THROUGHPUT_SHARE * usual_rate),
        usual_p95_ms=usual,
        usual_error_rate=usual_errors,
        usual_requests_per_sec=usual_rate,
    )


def recovery(counted: CountedSamples, band: Band, fault_start: int, fault_end: int, run_end: int) -> Recovery:
    """How a fault between two epoch ms was felt in a run whose last bucket to be judged ends by ``run_end``."""
    width = counted.bucket_ms
    first, stop = fault_start // width, run_end // width
    measured = {index: _by_figure(counted.buckets.get(index), width) for index in range(first, stop)}
    breaches = {
        index: {
            figure: value for figure, value in values.items() if value is not None and band.is_outside(figure, value)
        }
        for index, values in measured.items()
    }
    breach_sec = sum(1 for found in breaches.values() if found) * width / 1000
    worst = {
        figure: (min if figure is Figure.THROUGHPUT else max)(
            found[figure] for found in breaches.values() if figure in found
        )
        for figure in Figure
        if _first_run({index: figure in found for index, found in breaches.items()}, first, stop) is not None
    }
    onset = _first_run({index: bool(found) for index, found in breaches.items()}, first, stop)
    if onset is None:
        return Recovery(None, None, None, breach_sec, worst)
    detect_sec = max(0, onset * width - fault_start) / 1000
    good = {index: not found for index, found in breaches.items()}
    back = _first_run(good, max(onset, fault_end // width), stop)
    if back is None:
        return Recovery(detect_sec, None, False, breach_sec, worst)
    return Recovery(detect_sec, max(0, back * width - fault_end) / 1000, True, breach_sec, worst)


def _figures(group: Group | None, width: int) -> tuple[float | None, float | None, float]:
    if group is None:
        return None, None, 0.0
    return percentiles(group.elapsed, group.counts, [95])[0], error_rate(group), group.samples * 1000 / width


def _by_figure(group: Group | None, width: int) -> Mapping[Figure, float | None]:
    p95, errors, rate = _figures(group, width)
    return {Figure.P95: p95, Figure.ERROR_RATE: errors, Figure.THROUGHPUT: rate}


def _usual(values: Sequence[float]) -> tuple[float, float]:
    """The median of values and their robust standard deviation."""
    middle = median(values)
    return middle, _SCALE * median(abs(value - middle) for value in values)


def _first_run(holds: Mapping[int, bool], first: int, stop: int) -> int | None:
    """The first index from which a condition holds SUSTAINED times running."""
    lasting = 0
    for index in range(first, stop):
        lasting = lasting + 1 if holds[index] else 0
        if lasting == SUSTAINED:
            return index - SUSTAINED + 1
    return None
