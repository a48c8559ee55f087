"""What speaks against a verdict: samples that are missing or not healthy, a fault that nobody confirmed."""

from collections.abc import Mapping
from dataclasses import dataclass

from tandem.domain.analysis import Analysis
from tandem.domain.fault_window import WindowSource
from tandem.domain.generator import exhaustion
from tandem.domain.phases import Phase
from tandem.domain.recovery import MIN_BASELINE_BUCKETS
from tandem.domain.samples import LAST_SECONDS, AnalysisPlan, Group, PhaseName, epoch_ms
from tandem.domain.strategy import Slo
from tandem.domain.summary import error_rate, percentiles
from tandem.domain.verdict_reasons import (
    Reason,
    baseline_error_rate,
    baseline_p95,
    baseline_silent,
    ended_before_fault_did,
    errors_unknown,
    fault_not_confirmed,
    fault_not_known_to_be_over,
    generator_exhausted,
    load_not_proven,
    no_fault_window,
    none_in_fault,
    one_engine_ended_early,
    part_missing,
    results_empty,
    results_incomplete,
    stop_not_confirmed,
    too_few_in_baseline,
    too_few_in_fault,
    window_assumed,
)

MIN_SAMPLES = 20

HEALTHY_ERROR_RATE = 0.1
"""What a baseline may fail where neither the slo nor the strategy says it."""

MOST_SKIPPED = 0.001
"""Of all records: more that could not be used, and nothing good can be concluded from the rest."""

_LEAST_IN_LAST_SECONDS = 2
"""Requests beyond a limit in the last seconds: a single one is an accident, and of few requests already a p95."""

_LEAST_EXPECTED = 5.0
"""Requests that the last seconds promise: with fewer, none is no silence."""

_START_REPORTED = frozenset({WindowSource.TOLD, WindowSource.FAULT_AT})


@dataclass(frozen=True, slots=True)
class LoadFacts:
    """What is known of a run besides its samples.

    ``proven``: requests were seen before the fault. ``start_from``, ``end_from``: from what the window's bounds are
    known. ``experiment_failed``: the platform says that the experiment FAILED. ``expected_error_rate``: what the
    strategy takes for a healthy baseline where the slo does not say it. ``missing_parts``: the engines, of ``parts``
    in all, whose results could not be read; ``unconfirmed``: those that have not confirmed a stop. ``generator``:
    what the engines report of the load generator itself, as reasons GENERATOR_SATURATED.
    """

    proven: bool
    start_from: WindowSource | None = None
    end_from: WindowSource | None = None
    experiment_failed: bool = False
    expected_error_rate: float | None = None
    missing_parts: tuple[str, ...] = ()
    parts: int = 1
    unconfirmed: tuple[str, ...] = ()
    generator: tuple[Reason, ...] = ()

    @property
    def start_reported(self) -> bool:
        """Whether somebody who injects said when the fault began."""
        return self.start_from in _START_REPORTED

    @property
    def end_reported(self) -> bool:
        """Whether somebody who injects said when the fault ended."""
        return self.end_from is WindowSource.TOLD


def doubts(
    analysis: Analysis,
    plan: AnalysisPlan,
    by_name: Mapping[PhaseName, Phase],
    slo: Slo | None,
    load: LoadFacts,
    *,
    has_band: bool,
) -> list[Reason]:
    """What makes any verdict on the run impossible."""
    found = []
    if load.missing_parts:
        found.append(part_missing(load.missing_parts, load.parts))
    if load.unconfirmed:
        found.append(stop_not_confirmed(load.unconfirmed))
    if not analysis.summary.samples:
        return [*found, results_empty()]
    if not load.proven:
        found.append(load_not_proven())
    found += load.generator
    exhausted = exhaustion(analysis.counted)
    if exhausted is not None:
        found.append(generator_exhausted(exhausted.samples, exhausted.kind.code, exhausted.kind.message))
    found += _doubts_of_window(analysis, plan, by_name)
    found += _doubts_of_samples(by_name, has_band=has_band)
    if plan.fault_start is not None:
        found += _doubts_of_baseline(analysis, by_name.get(PhaseName.BASELINE), slo, load)
    return found


def doubts_of_good_news(analysis: Analysis, load: LoadFacts) -> list[Reason]:
    """What does not let the service be said to have withstood the fault, or to have met its slo at least."""
    found = []
    if load.experiment_failed:
        found.append(fault_not_confirmed())
    skipped = analysis.counted.skipped
    total = analysis.summary.samples + skipped
    if skipped > MOST_SKIPPED * total:
        found.append(results_incomplete(skipped, total))
    return found


def doubts_of_bad_news(load: LoadFacts) -> list[Reason]:
    """What does not let a broken slo be put down to the fault."""
    return [fault_not_confirmed()] if load.experiment_failed and not load.start_reported else []


def doubts_of_stillness(by_name: Mapping[PhaseName, Phase], load: LoadFacts) -> list[Reason]:
    """Why figures that did not move prove nothing."""
    found = []
    if not (load.start_reported and load.end_reported):
        case = (
            "BOTH" if not load.start_reported and not load.end_reported else "END" if load.start_reported else "START"
        )
        found.append(window_assumed(load.start_from, load.end_from, case=case))
    if any(phase.summary.error_rate is None for phase in by_name.values() if phase.summary.samples):
        found.append(errors_unknown())
    fault = by_name.get(PhaseName.FAULT)
    if fault is not None and not fault.summary.samples:
        found.append(none_in_fault())
    return found


def whole_load_until(analysis: Analysis) -> int:
    """The epoch ms from which a load that several engines made was no longer whole: the first of them had ended.

    What is missing from there on is not the service's doing.
    """
    return min(analysis.counted.last_ends) + 1


def healthy_error_rate(slo: Slo | None, expected: float | None) -> float:
    """What a healthy baseline fails at most, 0..1."""
    if slo is not None and slo.max_error_rate is not None:
        return slo.max_error_rate
    return HEALTHY_ERROR_RATE if expected is None else expected


def _doubts_of_window(analysis: Analysis, plan: AnalysisPlan, by_name: Mapping[PhaseName, Phase]) -> list[Reason]:
    fault = by_name.get(PhaseName.FAULT)
    if plan.fault_start is None or (fault is None and PhaseName.RECOVERY in by_name):
        return [no_fault_window()]
    planned_end = None if plan.fault_end is None else epoch_ms(plan.fault_end)
    if fault is None or (planned_end is not None and fault.bounds.end < planned_end):
        last = fault.bounds.end if fault is not None else max(analysis.counted.last_ends) + 1
        return [ended_before_fault_did(None if planned_end is None else (planned_end - last) / 1000)]
    if planned_end is None:
        return [fault_not_known_to_be_over()]
    whole_until = whole_load_until(analysis)
    return [one_engine_ended_early((planned_end - whole_until) / 1000)] if whole_until < planned_end else []


def _doubts_of_samples(by_name: Mapping[PhaseName, Phase], *, has_band: bool) -> list[Reason]:
    fault, baseline = by_name.get(PhaseName.FAULT), by_name.get(PhaseName.BASELINE)
    usual = 0 if baseline is None else baseline.summary.samples
    if baseline is None or usual < MIN_SAMPLES or not has_band:
        return [too_few_in_baseline(usual, MIN_SAMPLES, MIN_BASELINE_BUCKETS)]
    if fault is None:
        return []
    # A stalled service leaves few samples too, so what counts is how many the baseline's rate promised.
    length_ms = fault.bounds.end - fault.bounds.start
    expected = usual * length_ms / (baseline.bounds.end - baseline.bounds.start)
    most = max(expected, fault.summary.samples)
    return [too_few_in_fault(most, MIN_SAMPLES)] if most < MIN_SAMPLES else []


def _doubts_of_baseline(analysis: Analysis, baseline: Phase | None, slo: Slo | None, load: LoadFacts) -> list[Reason]:
    """A service that was not healthy before the fault cannot be judged under it."""
    if baseline is None or not baseline.summary.samples:
        return []
    limit, limit_ms = healthy_error_rate(slo, load.expected_error_rate), None if slo is None else slo.max_p95_ms
    errors, p95 = baseline.summary.error_rate, baseline.summary.latency.p95
    last = analysis.counted.before_fault
    found = []
    if errors is not None and errors > limit:
        found.append(baseline_error_rate(errors, limit, last_seconds=False))
    elif _fails(last, limit):
        found.append(baseline_error_rate(error_rate(last) or 0.0, limit, last_seconds=True))
    if limit_ms is not None and p95 is not None and p95 > limit_ms:
        found.append(baseline_p95(p95, limit_ms, last_seconds=False))
    elif limit_ms is not None and _is_slow(last, limit_ms):
        found.append(baseline_p95(percentiles(last.elapsed, last.counts, [95])[0] or 0, limit_ms, last_seconds=True))
    length_sec = (baseline.bounds.end - baseline.bounds.start) / 1000
    expected = baseline.summary.samples * LAST_SECONDS / length_sec
    if not last.samples and length_sec > LAST_SECONDS and expected >= _LEAST_EXPECTED:
        found.append(baseline_silent(expected))
    return found


def _fails(last: Group, limit: float) -> bool:
    rate = error_rate(last)
    return rate is not None and rate > limit and (last.errors or 0) >= _LEAST_IN_LAST_SECONDS


def _is_slow(last: Group, limit_ms: float) -> bool:
    (p95,) = percentiles(last.elapsed, last.counts, [95])
    beyond = sum(count for elapsed, count in zip(last.elapsed, last.counts, strict=True) if elapsed > limit_ms)
    return p95 is not None and p95 > limit_ms and beyond >= _LEAST_IN_LAST_SECONDS
