"""Whether the service stood the fault: PASS, DEGRADED, FAIL, or INCONCLUSIVE, with every reason named.

INCONCLUSIVE comes first: without proven load, a baseline and a fault window there is nothing to judge, and a run is
never a PASS for want of data. Then FAIL when the slo is broken in FAULT or RECOVERY; DEGRADED when a figure was worse
than the baseline beyond its noise (``recovery.py``); else PASS.
"""

from dataclasses import dataclass
from enum import StrEnum

from tandem.domain.analysis import Analysis
from tandem.domain.generator import exhaustion
from tandem.domain.phases import Phase
from tandem.domain.recovery import SUSTAINED, Figure, Recovery, baseline_band, recovery
from tandem.domain.samples import AnalysisPlan, PhaseName, epoch_ms
from tandem.domain.strategy import Slo

MIN_SAMPLES = 20


class VerdictStatus(StrEnum):
    PASS = "PASS"  # noqa: S105 - a verdict
    DEGRADED = "DEGRADED"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class ReasonCode(StrEnum):
    """The closed list of reasons; each belongs to one status."""

    RESULTS_UNREADABLE = "RESULTS_UNREADABLE"
    RESULTS_EMPTY = "RESULTS_EMPTY"
    LOAD_NOT_PROVEN = "LOAD_NOT_PROVEN"
    NO_FAULT_WINDOW = "NO_FAULT_WINDOW"
    TOO_FEW_SAMPLES = "TOO_FEW_SAMPLES"
    LOAD_ENDED_EARLY = "LOAD_ENDED_EARLY"
    GENERATOR_SATURATED = "GENERATOR_SATURATED"
    RECOVERY_NOT_OBSERVED = "RECOVERY_NOT_OBSERVED"
    P95_ABOVE_SLO = "P95_ABOVE_SLO"
    ERROR_RATE_ABOVE_SLO = "ERROR_RATE_ABOVE_SLO"
    THROUGHPUT_BELOW_SLO = "THROUGHPUT_BELOW_SLO"
    RECOVERY_TOO_SLOW = "RECOVERY_TOO_SLOW"
    P95_WORSE_THAN_BASELINE = "P95_WORSE_THAN_BASELINE"
    ERROR_RATE_WORSE_THAN_BASELINE = "ERROR_RATE_WORSE_THAN_BASELINE"
    THROUGHPUT_WORSE_THAN_BASELINE = "THROUGHPUT_WORSE_THAN_BASELINE"


_WORSE = {
    Figure.P95: (ReasonCode.P95_WORSE_THAN_BASELINE, "p95 latency was above the baseline's noise"),
    Figure.ERROR_RATE: (ReasonCode.ERROR_RATE_WORSE_THAN_BASELINE, "the error rate was above the baseline's noise"),
    Figure.THROUGHPUT: (ReasonCode.THROUGHPUT_WORSE_THAN_BASELINE, "throughput was below the baseline's noise"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    code: ReasonCode
    message: str


class AdviceCode(StrEnum):
    """What can be done better next time; it changes no verdict."""

    LET_THE_LOAD_OUTLAST_THE_FAULT = "LET_THE_LOAD_OUTLAST_THE_FAULT"


@dataclass(frozen=True, slots=True)
class Advice:
    code: AdviceCode
    message: str


_OUTLAST = Advice(
    AdviceCode.LET_THE_LOAD_OUTLAST_THE_FAULT,
    "the load ended with the fault, so no recovery could be seen; say when the fault ended (event FaultStateChanged, "
    "or faultEndedAt of ExperimentFinished), and let the load run on after it: end the experiment later, or with "
    "stopOnCompletion off and a trafficDurationSec that leaves room",
)


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What is known about the load from elsewhere: was it proven before the fault."""

    proven: bool


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


def inconclusive(code: ReasonCode, message: str) -> Verdict:
    """The verdict on a run whose results cannot be judged at all."""
    return Verdict(VerdictStatus.INCONCLUSIVE, (Reason(code, message),), None, None, None)


def judge(analysis: Analysis, plan: AnalysisPlan, slo: Slo | None, load: LoadFacts) -> Verdict:
    """The verdict on an analysed run."""
    by_name = {phase.bounds.name: phase for phase in analysis.phases}
    baseline = by_name.get(PhaseName.BASELINE)
    after = [by_name[name] for name in (PhaseName.FAULT, PhaseName.RECOVERY) if name in by_name]
    band = baseline_band(analysis.counted, [phase.bounds for phase in analysis.phases])
    felt = None
    worse: frozenset[Figure] = frozenset()
    if band is not None and after and plan.fault_start is not None:
        fault_end = by_name[PhaseName.FAULT].bounds.end if PhaseName.FAULT in by_name else after[0].bounds.start
        felt = recovery(
            analysis.counted,
            band,
            after[0].bounds.start,
            fault_end,
            min(after[-1].bounds.end, _whole_load_until(analysis)),
        )
        worse = felt.figures.union(
            *(
                band.breached(phase.summary.latency.p95, phase.summary.error_rate, _rate_of_load(phase, analysis))
                for phase in after
            )
        )
    doubts = _doubts(analysis, plan, by_name, load, band is not None)
    broken = [] if slo is None else _broken(slo, analysis, baseline, after, felt)
    if not doubts and not broken and slo is not None:
        doubts = _unobserved_recovery(slo, after, felt)
    if doubts:
        status, reasons = VerdictStatus.INCONCLUSIVE, doubts
    elif broken:
        status, reasons = VerdictStatus.FAIL, broken
    elif worse:
        status = VerdictStatus.DEGRADED
        reasons = [Reason(*_WORSE[figure]) for figure in Figure if figure in worse]
    else:
        status, reasons = VerdictStatus.PASS, []
    advice = _advice(analysis.counted.bucket_ms, by_name)
    deficit = _throughput_deficit(analysis, baseline, after)
    return Verdict(status, tuple(reasons), felt, _failed_requests(after), deficit, advice)


def _advice(bucket_ms: int, by_name: dict[PhaseName, Phase]) -> tuple[Advice, ...]:
    """A return is sustained after SUSTAINED whole buckets: a recovery phase without room for them shows none."""
    if PhaseName.FAULT not in by_name:
        return ()
    recovery = by_name.get(PhaseName.RECOVERY)
    if recovery is None:
        return (_OUTLAST,)
    whole = recovery.bounds.end // bucket_ms - -(-recovery.bounds.start // bucket_ms)
    return (_OUTLAST,) if whole < SUSTAINED else ()


def _whole_load_until(analysis: Analysis) -> int:
    """The epoch ms from which a load that several engines made was no longer whole: the first of them had ended.

    What is missing from there on is not the service's doing.
    """
    return min(analysis.counted.last_ends) + 1


def _load_ms(phase: Phase, analysis: Analysis) -> float:
    """For how long the load of an engine lasted in a phase, on average over the engines."""
    start, end = phase.bounds.start, phase.bounds.end
    lasted = [max(0, min(last_end + 1, end) - start) for last_end in analysis.counted.last_ends]
    return sum(lasted) / len(lasted)


def _rate_of_load(phase: Phase, analysis: Analysis) -> float:
    """Requests per second of a phase, over the time that the engines' loads lasted in it."""
    length_ms = _load_ms(phase, analysis)
    return phase.summary.samples * 1000 / length_ms if length_ms else 0.0


def _doubts(
    analysis: Analysis, plan: AnalysisPlan, by_name: dict[PhaseName, Phase], load: LoadFacts, has_band: bool
) -> list[Reason]:
    if not analysis.summary.samples:
        return [Reason(ReasonCode.RESULTS_EMPTY, "the result file holds no samples")]
    doubts = []
    if not load.proven:
        doubts.append(Reason(ReasonCode.LOAD_NOT_PROVEN, "the load was not proven before the fault"))
    exhausted = exhaustion(analysis.counted)
    if exhausted is not None:
        doubts.append(Reason(ReasonCode.GENERATOR_SATURATED, exhausted))
    fault, baseline = by_name.get(PhaseName.FAULT), by_name.get(PhaseName.BASELINE)
    if plan.fault_start is None or (fault is None and PhaseName.RECOVERY in by_name):
        doubts.append(Reason(ReasonCode.NO_FAULT_WINDOW, "there was no fault window while the load ran"))
    elif fault is None or (plan.fault_end is not None and fault.bounds.end < epoch_ms(plan.fault_end)):
        doubts.append(Reason(ReasonCode.LOAD_ENDED_EARLY, "the load ended before the fault did"))
    elif plan.fault_end is not None and _whole_load_until(analysis) < epoch_ms(plan.fault_end):
        doubts.append(Reason(ReasonCode.LOAD_ENDED_EARLY, "the load of one engine ended before the fault did"))
    elif plan.fault_end is None:
        doubts.append(Reason(ReasonCode.LOAD_ENDED_EARLY, "the load ended while the fault was not known to be over"))
    if baseline is None or baseline.summary.samples < MIN_SAMPLES or not has_band:
        doubts.append(Reason(ReasonCode.TOO_FEW_SAMPLES, "the baseline is too short to know what is usual"))
    elif fault is not None:
        # A stalled service leaves few samples too, so what counts is how many the baseline's rate promised.
        length_ms = fault.bounds.end - fault.bounds.start
        expected = baseline.summary.samples * length_ms / (baseline.bounds.end - baseline.bounds.start)
        if max(expected, fault.summary.samples) < MIN_SAMPLES:
            doubts.append(Reason(ReasonCode.TOO_FEW_SAMPLES, "the fault window is too short to judge at this load"))
    return doubts


def _broken(
    slo: Slo, analysis: Analysis, baseline: Phase | None, after: list[Phase], felt: Recovery | None
) -> list[Reason]:
    reasons = []
    for phase in after:
        name, summary = phase.bounds.name.value, phase.summary
        p95, errors = summary.latency.p95, summary.error_rate
        if slo.max_p95_ms is not None and p95 is not None and p95 > slo.max_p95_ms:
            reasons.append(
                Reason(ReasonCode.P95_ABOVE_SLO, f"{name}: p95 was {p95} ms, the slo allows {slo.max_p95_ms:g} ms")
            )
        if slo.max_error_rate is not None and errors is not None and errors > slo.max_error_rate:
            reasons.append(
                Reason(
                    ReasonCode.ERROR_RATE_ABOVE_SLO,
                    f"{name}: the error rate was {errors:.2%}, the slo allows {slo.max_error_rate * 100:g}%",
                )
            )
        usual = None if baseline is None else baseline.summary.requests_per_sec
        if slo.min_throughput_ratio is not None and usual:
            ratio = _rate_of_load(phase, analysis) / usual
            if ratio < slo.min_throughput_ratio:
                reasons.append(
                    Reason(
                        ReasonCode.THROUGHPUT_BELOW_SLO,
                        f"{name}: throughput was {ratio:.1%} of the baseline's, "
                        f"the slo asks for {slo.min_throughput_ratio * 100:g}%",
                    )
                )
    if slo.max_recovery_sec is not None and felt is not None and felt.recovered is not None:
        took = felt.time_to_recover_sec if felt.recovered else _observed_recovery_sec(after)
        if took is not None and took > slo.max_recovery_sec:
            said = f"recovery took {took:g} s" if felt.recovered else f"no recovery within {took:g} s"
            reasons.append(Reason(ReasonCode.RECOVERY_TOO_SLOW, f"{said}, the slo allows {slo.max_recovery_sec:g} s"))
    return reasons


def _unobserved_recovery(slo: Slo, after: list[Phase], felt: Recovery | None) -> list[Reason]:
    if slo.max_recovery_sec is None or felt is None or felt.recovered is not False:
        return []
    seen = _observed_recovery_sec(after)
    return [
        Reason(
            ReasonCode.RECOVERY_NOT_OBSERVED,
            f"the run ended {seen:g} s after the fault, before the {slo.max_recovery_sec:g} s that the slo allows",
        )
    ]


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
