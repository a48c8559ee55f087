"""Whether the service stood the fault: PASS, DEGRADED, FAIL, or INCONCLUSIVE, with every reason named.

INCONCLUSIVE comes first: without proven load, a healthy baseline and a fault window there is nothing to judge, and a
run is never a PASS for want of data. Then FAIL when the slo is broken in FAULT or RECOVERY; DEGRADED when a figure was
worse than the baseline beyond its noise (``recovery.py``); else PASS, if the fault was reported by whoever injected it:
figures that did not move prove nothing of a fault that nobody has seen. The doubts are in ``verdict_doubts.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tandem.domain.analysis import Analysis
from tandem.domain.fault_window import WindowSource
from tandem.domain.phases import Phase
from tandem.domain.recovery import SUSTAINED, Band, Figure, Recovery, baseline_band, recovery
from tandem.domain.samples import AnalysisPlan, PhaseName
from tandem.domain.strategy import Slo
from tandem.domain.verdict_doubts import (
    LoadFacts,
    doubts,
    doubts_of_bad_news,
    doubts_of_good_news,
    doubts_of_stillness,
    whole_load_until,
)
from tandem.domain.verdict_reasons import (
    Advice,
    AdviceCode,
    Reason,
    VerdictStatus,
    error_rate_above_slo,
    p95_above_slo,
    recovery_not_observed,
    recovery_too_slow,
    throughput_below_slo,
    worse_than_baseline,
)

_OUTLAST = Advice(
    AdviceCode.LET_THE_LOAD_OUTLAST_THE_FAULT,
    "the load ended with the fault, so no recovery could be seen; say when the fault ended (event FaultStateChanged, "
    "or faultEndedAt of ExperimentFinished), and let the load run on after it: end the experiment later, or with "
    "stopOnCompletion off and a trafficDurationSec that leaves room",
)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a verdict rests on: requests by phase, the baseline's error rate (0..1), who reported the fault window."""

    samples: Mapping[PhaseName, int]
    baseline_error_rate: float | None
    start_from: WindowSource | None
    end_from: WindowSource | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a run; None where it cannot be known.

    ``failed_requests`` counts errors from the fault's start on, ``throughput_deficit`` the requests missing against the
    baseline's rate in FAULT and RECOVERY.
    """

    status: VerdictStatus
    reasons: tuple[Reason, ...]
    recovery: Recovery | None
    failed_requests: int | None
    throughput_deficit: float | None
    advice: tuple[Advice, ...] = ()
    basis: Basis | None = None


def inconclusive(*reasons: Reason) -> Verdict:
    """The verdict on a run whose results cannot be judged at all."""
    return Verdict(VerdictStatus.INCONCLUSIVE, reasons, None, None, None)


def judge(analysis: Analysis, plan: AnalysisPlan, slo: Slo | None, load: LoadFacts) -> Verdict:
    """The verdict on an analysed run."""
    by_name = {phase.bounds.name: phase for phase in analysis.phases}
    baseline = by_name.get(PhaseName.BASELINE)
    after = [by_name[name] for name in (PhaseName.FAULT, PhaseName.RECOVERY) if name in by_name]
    band = baseline_band(analysis.counted, [phase.bounds for phase in analysis.phases])
    felt = None
    worse: list[Reason] = []
    if band is not None and after and plan.fault_start is not None:
        fault_end = by_name[PhaseName.FAULT].bounds.end if PhaseName.FAULT in by_name else after[0].bounds.start
        felt = recovery(
            analysis.counted,
            band,
            after[0].bounds.start,
            fault_end,
            min(after[-1].bounds.end, whole_load_until(analysis)),
        )
        worse = _worse(analysis, band, after, felt)
    broken = [] if slo is None else _broken(slo, analysis, baseline, after, felt)
    against = doubts(analysis, plan, by_name, slo, load, has_band=band is not None)
    if not against:
        against = doubts_of_bad_news(load) if broken else doubts_of_good_news(analysis, load)
    if not against and not broken and slo is not None:
        against = _unobserved_recovery(slo, after, felt)
    if not against and not broken and not worse:
        against = doubts_of_stillness(by_name, load)
    if against:
        status, reasons = VerdictStatus.INCONCLUSIVE, against
    elif broken:
        status, reasons = VerdictStatus.FAIL, broken
    elif worse:
        status, reasons = VerdictStatus.DEGRADED, worse
    else:
        status, reasons = VerdictStatus.PASS, []
    return Verdict(
        status,
        tuple(reasons),
        felt,
        _failed_requests(after),
        _throughput_deficit(analysis, baseline, after),
        _advice(analysis.counted.bucket_ms, by_name),
        _basis(by_name, load),
    )


def _basis(by_name: Mapping[PhaseName, Phase], load: LoadFacts) -> Basis:
    judged = (PhaseName.BASELINE, PhaseName.FAULT, PhaseName.RECOVERY)
    samples = {name: by_name[name].summary.samples if name in by_name else 0 for name in judged}
    errors = by_name[PhaseName.BASELINE].summary.error_rate if PhaseName.BASELINE in by_name else None
    return Basis(samples, errors, load.start_from, load.end_from)


def _advice(bucket_ms: int, by_name: Mapping[PhaseName, Phase]) -> tuple[Advice, ...]:
    """A return is sustained after SUSTAINED whole buckets: a recovery phase without room for them shows none."""
    if PhaseName.FAULT not in by_name:
        return ()
    recovery = by_name.get(PhaseName.RECOVERY)
    if recovery is None:
        return (_OUTLAST,)
    whole = recovery.bounds.end // bucket_ms - -(-recovery.bounds.start // bucket_ms)
    return (_OUTLAST,) if whole < SUSTAINED else ()


def _load_ms(phase: Phase, analysis: Analysis) -> float:
    """For how long the load of an engine lasted in a phase, on average over the engines."""
    start, end = phase.bounds.start, phase.bounds.end
    lasted = [max(0, min(last_end + 1, end) - start) for last_end in analysis.counted.last_ends]
    return sum(lasted) / len(lasted)


def _rate_of_load(phase: Phase, analysis: Analysis) -> float:
    """Requests per second of a phase, over the time that the engines' loads lasted in it."""
    length_ms = _load_ms(phase, analysis)
    return phase.summary.samples * 1000 / length_ms if length_ms else 0.0


def _worse(analysis: Analysis, band: Band, after: list[Phase], felt: Recovery) -> list[Reason]:
    """The figures that were worse than the baseline: of a phase as a whole, or for some buckets in a row at least."""
    reasons = []
    for figure in Figure:
        limit, usual = band.limit(figure), band.usual(figure)
        measured = [(_figure(figure, phase, analysis), phase.bounds.name) for phase in after]
        known = [(value, name) for value, name in measured if value is not None]
        outside = [(value, name) for value, name in known if band.is_outside(figure, value)]
        if limit is None or usual is None or not (outside or figure in felt.worst):
            continue
        if outside:
            value, name = (min if figure is Figure.THROUGHPUT else max)(outside)
            reasons.append(worse_than_baseline(figure, name, value, usual, limit))
        else:
            reasons.append(worse_than_baseline(figure, None, felt.worst[figure], usual, limit))
    return reasons


def _figure(figure: Figure, phase: Phase, analysis: Analysis) -> float | None:
    match figure:
        case Figure.P95:
            return phase.summary.latency.p95
        case Figure.ERROR_RATE:
            return phase.summary.error_rate
        case Figure.THROUGHPUT:
            return _rate_of_load(phase, analysis)


def _broken(
    slo: Slo, analysis: Analysis, baseline: Phase | None, after: list[Phase], felt: Recovery | None
) -> list[Reason]:
    reasons = []
    for phase in after:
        name, summary = phase.bounds.name, phase.summary
        p95, errors = summary.latency.p95, summary.error_rate
        if slo.max_p95_ms is not None and p95 is not None and p95 > slo.max_p95_ms:
            reasons.append(p95_above_slo(name, p95, slo.max_p95_ms))
        if slo.max_error_rate is not None and errors is not None and errors > slo.max_error_rate:
            reasons.append(error_rate_above_slo(name, errors, slo.max_error_rate))
        usual = None if baseline is None else baseline.summary.requests_per_sec
        if slo.min_throughput_ratio is not None and usual:
            ratio = _rate_of_load(phase, analysis) / usual
            if ratio < slo.min_throughput_ratio:
                reasons.append(throughput_below_slo(name, ratio, slo.min_throughput_ratio))
    if slo.max_recovery_sec is not None and felt is not None and felt.recovered is not None:
        took = felt.time_to_recover_sec if felt.recovered else _observed_recovery_sec(after)
        if took is not None and took > slo.max_recovery_sec:
            reasons.append(recovery_too_slow(took, slo.max_recovery_sec, recovered=felt.recovered))
    return reasons


def _unobserved_recovery(slo: Slo, after: list[Phase], felt: Recovery | None) -> list[Reason]:
    if slo.max_recovery_sec is None or felt is None or felt.recovered is not False:
        return []
    return [recovery_not_observed(_observed_recovery_sec(after), slo.max_recovery_sec)]


def _observed_recovery_sec(after: list[Phase]) -> float:
    return sum(p.bounds.end - p.bounds.start for p in after if p.bounds.name is PhaseName.RECOVERY) / 1000


def _failed_requests(after: list[Phase]) -> int | None:
    errors = [phase.summary.errors for phase in after]
    known = [count for count in errors if count is not None]
    return sum(known) if after and len(known) == len(errors) else None


def _throughput_deficit(analysis: Analysis, baseline: Phase | None, after: list[Phase]) -> float | None:
    if baseline is None or not after or baseline.summary.requests_per_sec is None:
        return None
    rate = baseline.summary.requests_per_sec
    return sum(max(0.0, rate * _load_ms(phase, analysis) / 1000 - phase.summary.samples) for phase in after)
