"""The phases of a run around its fault window, and how each compares with the baseline.

WARMUP runs from the first sample through the ramp-up, BASELINE to the fault's start, FAULT to its end, RECOVERY to just
after the last sample. Bounds are half-open and lie within the run; a phase without time is left out. A fault that
begins during the ramp-up ends the warm-up there. Without a fault window everything after the warm-up is baseline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tandem.domain.corrected import Corrected, corrected, expected_interval_ms
from tandem.domain.samples import AnalysisPlan, CountedSamples, PhaseName, epoch_ms, no_samples
from tandem.domain.summary import Summary, summarise_between


@dataclass(frozen=True, slots=True)
class PhaseBounds:
    """A phase's time in epoch ms: from ``start`` to just before ``end``."""

    name: PhaseName
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Change:
    """Against the baseline: ratios for p95 and requests per second, the difference for the error rate."""

    p95: float | None
    error_rate: float | None
    requests_per_sec: float | None


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase and its figures.

    ``change`` is None in WARMUP and BASELINE, and without a baseline; ``corrected`` without samples, and where the
    baseline does not tell the pace of a thread.
    """

    bounds: PhaseBounds
    summary: Summary
    change: Change | None
    corrected: Corrected | None


@dataclass(frozen=True, slots=True)
class PhaseCuts:
    """Where, in epoch ms, the warm-up ends and the fault begins and ends, in a run whose first sample began then."""

    warm_up_end: int
    fault_start: int
    fault_end: int

    def phase_of(self, end_ms: int) -> PhaseName:
        """The phase to which a sample belongs that ended at an epoch ms."""
        if end_ms < self.warm_up_end:
            return PhaseName.WARMUP
        if end_ms < self.fault_start:
            return PhaseName.BASELINE
        return PhaseName.FAULT if end_ms < self.fault_end else PhaseName.RECOVERY


def phase_cuts(first_start: int, last_end: int, plan: AnalysisPlan) -> PhaseCuts:
    """The cuts of a run whose samples span the two epoch ms; each lies within the run, in order."""
    run_end = last_end + 1
    planned_start = run_end if plan.fault_start is None else epoch_ms(plan.fault_start)
    planned_end = run_end if plan.fault_end is None else epoch_ms(plan.fault_end)
    fault_start = min(max(planned_start, first_start), run_end)
    fault_end = min(max(planned_end, fault_start), run_end)
    return PhaseCuts(min(first_start + plan.ramp_up_sec * 1000, fault_start), fault_start, fault_end)


def phase_bounds(first_start: int, last_end: int, plan: AnalysisPlan) -> list[PhaseBounds]:
    """The phases that have time, in order, of a run whose samples span the two epoch ms."""
    cuts = phase_cuts(first_start, last_end, plan)
    marks = (first_start, cuts.warm_up_end, cuts.fault_start, cuts.fault_end, last_end + 1)
    return [
        PhaseBounds(name, start, end)
        for name, (start, end) in zip(PhaseName, pairwise(marks), strict=True)
        if start < end
    ]


def phases(bounds: Sequence[PhaseBounds], counted: CountedSamples) -> list[Phase]:
    """The figures of each phase and its change against the baseline."""
    empty = no_samples(counted.overall)
    summaries = {
        bound.name: summarise_between(counted.phases.get(bound.name, empty), bound.start, bound.end) for bound in bounds
    }
    baseline = summaries.get(PhaseName.BASELINE)
    pace = next(
        (
            expected_interval_ms(counted.phases.get(bound.name, empty), bound.end - bound.start)
            for bound in bounds
            if bound.name is PhaseName.BASELINE
        ),
        None,
    )
    compared = (PhaseName.FAULT, PhaseName.RECOVERY)
    return [
        Phase(
            bound,
            summaries[bound.name],
            change(summaries[bound.name], baseline) if baseline is not None and bound.name in compared else None,
            None if pace is None else corrected(counted.phases.get(bound.name, empty), pace),
        )
        for bound in bounds
    ]


def change(phase: Summary, baseline: Summary) -> Change:
    """How a phase differs from the baseline; None where one of the two is unknown or the baseline is 0."""
    difference = (
        None if phase.error_rate is None or baseline.error_rate is None else phase.error_rate - baseline.error_rate
    )
    return Change(
        p95=_ratio(phase.latency.p95, baseline.latency.p95),
        error_rate=difference,
        requests_per_sec=_ratio(phase.requests_per_sec, baseline.requests_per_sec),
    )


def _ratio(value: float | None, base: float | None) -> float | None:
    return None if value is None or not base else value / base
