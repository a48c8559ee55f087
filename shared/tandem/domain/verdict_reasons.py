"""Why a verdict is what it is: codes with values, of which pages make sentences in their own language.

Each reason is made by one function here, so that the values of a code are said in one place. The name of a value says
its unit: ``...Ms``, ``...Sec``, ``...PerSec``, ``...Rate`` and ``...Ratio`` (0..1); ``case`` tells apart the sentences
of one code. ``message`` says the same in English.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from tandem.domain.fault_window import WindowSource
from tandem.domain.generator_health import MOST_CPU, MOST_GC, GeneratorHealth
from tandem.domain.recovery import Figure
from tandem.domain.samples import LAST_SECONDS, PhaseName

Value: TypeAlias = str | int | float | tuple[str, ...] | None


class VerdictStatus(StrEnum):
    PASS = "PASS"  # noqa: S105 - a verdict
    DEGRADED = "DEGRADED"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class ReasonCode(StrEnum):
    """The closed list of reasons; each belongs to one status."""

    RESULTS_UNREADABLE = "RESULTS_UNREADABLE"
    RESULTS_EMPTY = "RESULTS_EMPTY"
    PART_MISSING = "PART_MISSING"
    STOP_NOT_CONFIRMED = "STOP_NOT_CONFIRMED"
    LOAD_NOT_PROVEN = "LOAD_NOT_PROVEN"
    NO_FAULT_WINDOW = "NO_FAULT_WINDOW"
    BASELINE_UNHEALTHY = "BASELINE_UNHEALTHY"
    TOO_FEW_SAMPLES = "TOO_FEW_SAMPLES"
    LOAD_ENDED_EARLY = "LOAD_ENDED_EARLY"
    GENERATOR_SATURATED = "GENERATOR_SATURATED"
    RECOVERY_NOT_OBSERVED = "RECOVERY_NOT_OBSERVED"
    FAULT_NOT_CONFIRMED = "FAULT_NOT_CONFIRMED"
    RESULTS_INCOMPLETE = "RESULTS_INCOMPLETE"
    ERRORS_UNKNOWN = "ERRORS_UNKNOWN"
    WINDOW_ASSUMED = "WINDOW_ASSUMED"
    P95_ABOVE_SLO = "P95_ABOVE_SLO"
    ERROR_RATE_ABOVE_SLO = "ERROR_RATE_ABOVE_SLO"
    THROUGHPUT_BELOW_SLO = "THROUGHPUT_BELOW_SLO"
    RECOVERY_TOO_SLOW = "RECOVERY_TOO_SLOW"
    P95_WORSE_THAN_BASELINE = "P95_WORSE_THAN_BASELINE"
    ERROR_RATE_WORSE_THAN_BASELINE = "ERROR_RATE_WORSE_THAN_BASELINE"
    THROUGHPUT_WORSE_THAN_BASELINE = "THROUGHPUT_WORSE_THAN_BASELINE"


@dataclass(frozen=True, slots=True)
class Reason:
    code: ReasonCode
    message: str
    values: Mapping[str, Value] = field(default_factory=dict)


class AdviceCode(StrEnum):
    """What can be done better next time; it changes no verdict."""

    LET_THE_LOAD_OUTLAST_THE_FAULT = "LET_THE_LOAD_OUTLAST_THE_FAULT"


@dataclass(frozen=True, slots=True)
class Advice:
    code: AdviceCode
    message: str


# --- what cannot be judged ----------------------------------------------------------------------------------------


def results_unreadable(why: str) -> Reason:
    return Reason(ReasonCode.RESULTS_UNREADABLE, why)


def results_empty() -> Reason:
    return Reason(ReasonCode.RESULTS_EMPTY, "the result file holds no samples")


def part_missing(engines: Sequence[str], parts: int) -> Reason:
    """Of the results of a load in so many parts, those of these engines are missing."""
    named = ", ".join(engines)
    if len(engines) == parts:
        message = f"no result file could be read from {named}: there are no figures"
    else:
        message = f"no result file of the load's part on {named}: the figures are those of the others"
    case = "ALL" if len(engines) == parts else "SOME"
    values: dict[str, Value] = {"case": case, "engines": tuple(engines), "missing": len(engines), "parts": parts}
    return Reason(ReasonCode.PART_MISSING, message, values)


def stop_not_confirmed(engines: Sequence[str]) -> Reason:
    """The engines that were to stop the load have not said that it is over."""
    message = f"the stop of the load was not confirmed by {', '.join(engines)}: it may go on"
    return Reason(ReasonCode.STOP_NOT_CONFIRMED, message, {"engines": tuple(engines)})


def load_not_proven() -> Reason:
    return Reason(ReasonCode.LOAD_NOT_PROVEN, "the load was not proven before the fault")


def no_fault_window() -> Reason:
    return Reason(ReasonCode.NO_FAULT_WINDOW, "there was no fault window while the load ran")


def baseline_error_rate(measured: float, limit: float, *, last_seconds: bool) -> Reason:
    span = f"the last {LAST_SECONDS} s of the baseline" if last_seconds else "the baseline"
    message = f"{span} failed {_percent(measured)} of the requests, at most {_percent(limit)} is healthy"
    return _unhealthy("ERROR_RATE", last_seconds, message, {"measuredRate": measured, "limitRate": limit})


def baseline_p95(measured_ms: int, limit_ms: float, *, last_seconds: bool) -> Reason:
    span = f"the last {LAST_SECONDS} s of the baseline" if last_seconds else "the baseline"
    message = f"{span} had a p95 of {measured_ms} ms, the slo allows {limit_ms:g} ms"
    return _unhealthy("P95", last_seconds, message, {"measuredMs": measured_ms, "limitMs": limit_ms})


def baseline_silent(expected: float) -> Reason:
    message = f"no request ended in the last {LAST_SECONDS} s of the baseline, about {expected:.0f} were to be expected"
    return _unhealthy("SILENT", last_seconds=True, message=message, values={"expected": round(expected)})


def _unhealthy(figure: str, last_seconds: bool, message: str, values: Mapping[str, Value]) -> Reason:
    case = f"{figure}_LAST" if last_seconds else figure
    span: dict[str, Value] = {"spanSec": LAST_SECONDS} if last_seconds else {}
    return Reason(ReasonCode.BASELINE_UNHEALTHY, message, {"case": case, **values, **span})


def too_few_in_baseline(samples: int, least: int, least_buckets: int) -> Reason:
    message = (
        f"the baseline is too short to know what is usual: {samples} requests "
        f"(at least {least} in {least_buckets} whole intervals are needed)"
    )
    values: dict[str, Value] = {"case": "BASELINE", "samples": samples, "least": least, "leastIntervals": least_buckets}
    return Reason(ReasonCode.TOO_FEW_SAMPLES, message, values)


def too_few_in_fault(expected: float, least: int) -> Reason:
    message = f"the fault window is too short to judge at this load: {expected:.0f} requests, {least} are needed"
    values: dict[str, Value] = {"case": "FAULT", "samples": round(expected), "least": least}
    return Reason(ReasonCode.TOO_FEW_SAMPLES, message, values)


def none_in_fault() -> Reason:
    values: dict[str, Value] = {"case": "NONE_IN_FAULT", "samples": 0}
    return Reason(ReasonCode.TOO_FEW_SAMPLES, "no request ended while the fault lasted", values)


def ended_before_fault_did(missing_sec: float | None) -> Reason:
    """``missing_sec``: how much of the fault the load did not see, where that is known."""
    if missing_sec is None:
        plain: dict[str, Value] = {"case": "BEFORE_FAULT_END"}
        return Reason(ReasonCode.LOAD_ENDED_EARLY, "the load ended before the fault did", plain)
    message = f"the load ended {missing_sec:.1f} s before the fault did"
    values: dict[str, Value] = {"case": "BY_SECONDS", "missingSec": round(missing_sec, 1)}
    return Reason(ReasonCode.LOAD_ENDED_EARLY, message, values)


def one_engine_ended_early(missing_sec: float) -> Reason:
    message = f"the load of one engine ended {missing_sec:.1f} s before the fault did"
    values: dict[str, Value] = {"case": "ONE_ENGINE", "missingSec": round(missing_sec, 1)}
    return Reason(ReasonCode.LOAD_ENDED_EARLY, message, values)


def fault_not_known_to_be_over() -> Reason:
    values: dict[str, Value] = {"case": "FAULT_OPEN"}
    return Reason(ReasonCode.LOAD_ENDED_EARLY, "the load ended while the fault was not known to be over", values)


def generator_exhausted(samples: int, code: str, text: str) -> Reason:
    """So many samples failed with an error that only the load generator's own machine can make."""
    message = f"{samples} samples failed on the load generator's own machine: {code}, {text}"
    values: dict[str, Value] = {"case": "EXHAUSTED", "samples": samples, "error": f"{code}, {text}"}
    return Reason(ReasonCode.GENERATOR_SATURATED, message, values)


def generator_broke(health: GeneratorHealth) -> Reason | None:
    """What the engines report of a generator that did not survive its load; None where they report none."""
    said = health.broke
    if said is None:
        return None
    case = "OUT_OF_MEMORY" if health.out_of_memory else "THREADS_DIED"
    values: dict[str, Value] = {"case": case, "threadDeaths": health.thread_deaths, "error": health.first_death or ""}
    return Reason(ReasonCode.GENERATOR_SATURATED, said, values)


def generator_strained(health: GeneratorHealth) -> Reason | None:
    """What the engines report of a generator that had no room left; None where it had, or nothing was measured."""
    for case, what, measured, limit in (
        ("PROCESSOR", "used {} of its cores on average", health.cpu_mean, MOST_CPU),
        ("COLLECTIONS", "stood still for garbage collection for {} of the time", health.gc_share, MOST_GC),
    ):
        if measured is not None and measured > limit:
            message = f"the load generator {what.format(_percent(measured))}, at most {_percent(limit)} leaves room"
            values: dict[str, Value] = {"case": case, "measuredRate": measured, "limitRate": limit}
            return Reason(ReasonCode.GENERATOR_SATURATED, message, values)
    return None


def recovery_not_observed(observed_sec: float, limit_sec: float) -> Reason:
    message = f"the run ended {observed_sec:g} s after the fault, before the {limit_sec:g} s that the slo allows"
    return Reason(ReasonCode.RECOVERY_NOT_OBSERVED, message, {"observedSec": observed_sec, "limitSec": limit_sec})


def fault_not_confirmed() -> Reason:
    return Reason(ReasonCode.FAULT_NOT_CONFIRMED, "the platform reported the experiment as FAILED")


def results_incomplete(skipped: int, total: int) -> Reason:
    message = f"{skipped} of {total} records of the result file could not be used"
    values: dict[str, Value] = {"skipped": skipped, "total": total, "skippedRate": skipped / total}
    return Reason(ReasonCode.RESULTS_INCOMPLETE, message, values)


def errors_unknown() -> Reason:
    return Reason(ReasonCode.ERRORS_UNKNOWN, "the result file does not say which requests failed")


def window_assumed(start: WindowSource | None, end: WindowSource | None, *, case: str) -> Reason:
    """``case``: of which bound nobody reported: START, END or BOTH."""
    bounds = {"START": "began", "END": "ended", "BOTH": "began and ended"}[case]
    message = f"no figure moved, and nobody reported when the fault {bounds}: whether there was one is not known"
    return Reason(ReasonCode.WINDOW_ASSUMED, message, {"case": case, "start": start, "end": end})


# --- what the slo does not allow ----------------------------------------------------------------------------------


def p95_above_slo(phase: PhaseName, measured_ms: int, limit_ms: float) -> Reason:
    message = f"{phase}: p95 was {measured_ms} ms, the slo allows {limit_ms:g} ms"
    values: dict[str, Value] = {"phase": phase.value, "measuredMs": measured_ms, "limitMs": limit_ms}
    return Reason(ReasonCode.P95_ABOVE_SLO, message, values)


def error_rate_above_slo(phase: PhaseName, measured: float, limit: float) -> Reason:
    message = f"{phase}: the error rate was {measured:.2%}, the slo allows {_percent(limit)}"
    values: dict[str, Value] = {"phase": phase.value, "measuredRate": measured, "limitRate": limit}
    return Reason(ReasonCode.ERROR_RATE_ABOVE_SLO, message, values)


def throughput_below_slo(phase: PhaseName, measured: float, limit: float) -> Reason:
    message = f"{phase}: throughput was {measured:.1%} of the baseline's, the slo asks for {_percent(limit)}"
    values: dict[str, Value] = {"phase": phase.value, "measuredRatio": measured, "limitRatio": limit}
    return Reason(ReasonCode.THROUGHPUT_BELOW_SLO, message, values)


def recovery_too_slow(measured_sec: float, limit_sec: float, *, recovered: bool) -> Reason:
    said = f"recovery took {measured_sec:g} s" if recovered else f"no recovery within {measured_sec:g} s"
    case = "RECOVERED" if recovered else "NOT_RECOVERED"
    values: dict[str, Value] = {"case": case, "measuredSec": measured_sec, "limitSec": limit_sec}
    return Reason(ReasonCode.RECOVERY_TOO_SLOW, f"{said}, the slo allows {limit_sec:g} s", values)


# --- what was worse than the baseline -----------------------------------------------------------------------------


def worse_than_baseline(figure: Figure, phase: PhaseName | None, measured: float, usual: float, limit: float) -> Reason:
    """``phase``: whose own figure was outside the band; None: only some seconds in a row were, and this is their worst.

    ``usual`` is the baseline's median, ``limit`` the edge of its band. The unit is that of the figure.
    """
    margin = abs(limit - usual)
    code, name, unit = _WORSE[figure]
    said = f"{name} {_shown(figure, measured)}"
    where = f"in {phase}" if phase is not None else "at its worst, for several intervals in a row"
    usually = f"{_shown(figure, usual, with_unit=False)} ± {_shown(figure, margin)}"
    values: dict[str, Value] = {
        "case": "INTERVALS" if phase is None else "PHASE",
        f"measured{unit}": measured,
        f"usual{unit}": usual,
        f"margin{unit}": margin,
    }
    if phase is not None:
        values["phase"] = phase.value
    return Reason(code, f"{said} {where}, baseline {usually}", values)


_WORSE = {
    Figure.P95: (ReasonCode.P95_WORSE_THAN_BASELINE, "p95", "Ms"),
    Figure.ERROR_RATE: (ReasonCode.ERROR_RATE_WORSE_THAN_BASELINE, "error rate", "Rate"),
    Figure.THROUGHPUT: (ReasonCode.THROUGHPUT_WORSE_THAN_BASELINE, "throughput", "PerSec"),
}


def _shown(figure: Figure, value: float, *, with_unit: bool = True) -> str:
    match figure:
        case Figure.P95:
            return f"{value:.0f} ms" if with_unit else f"{value:.0f}"
        case Figure.ERROR_RATE:
            return f"{value:.2%}"
        case Figure.THROUGHPUT:
            return f"{value:.1f}/s" if with_unit else f"{value:.1f}"


def _percent(share: float) -> str:
    return f"{share * 100:.3g}%"
