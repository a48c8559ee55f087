"""What a demo saw, and whether it is what had to be seen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem.domain.samples import PhaseName

from local.demo.figures import RunFigures
from local.demo.shop import Fault

LIFE_OF_A_STOPPED_TASK = ["PENDING", "RUNNING", "STOPPED"]
_STATES = {"PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"}
_AUDIT = "TASK_"
_THOUSANDS = 2000
# The task's times are those of the engine's process: JMeter needs some seconds from its start to the first sample, and
# some from the last sample to its end.
_BEFORE_FIRST_SAMPLE = timedelta(seconds=20)
_AFTER_LAST_SAMPLE = timedelta(seconds=20)
_CLOCK_SLACK = timedelta(seconds=1)


@dataclass(frozen=True)
class Evidence:
    """Everything that the checks look at. `fault` None: nothing was injected, the window was only marked.

    `verdict` and `recovery_seconds` (after the fault's end; None: none was seen) are those of GetLoadTestResults.
    """

    figures: RunFigures
    fault: Fault | None
    fault_start: datetime
    fault_end: datetime
    lead_seconds: int
    status: str
    started: datetime | None
    ended: datetime | None
    transitions: list[str]
    dashboard: bool
    jmeter_left: list[int]
    verdict: str
    recovery_seconds: float | None


def transitions(events: Iterable[str]) -> list[str]:
    """The states that the task took, by the audit lines among the events of GetLoadTestEvents; in order of time."""
    kinds = [str(json.loads(text)["type"]) for text in events]
    return [state for kind in kinds if (state := kind.removeprefix(_AUDIT)) != kind and state in _STATES]


@dataclass(frozen=True)
class Check:
    """One thing that had to be seen, whether it was, and what was seen. `busy`: not seen, and that is no failure."""

    claim: str
    passed: bool
    seen: str
    busy: bool = False


def checks(evidence: Evidence) -> list[Check]:
    """Every check, in the order of the story."""
    found = [_lead(evidence), _samples(evidence)]
    if evidence.fault is not None:
        found += [_fault_felt(evidence, evidence.fault), _recovered(evidence), _recovery_timed(evidence)]
    return [*found, _stopped(evidence), _transitions(evidence), _dashboard(evidence), _nothing_left(evidence)]


def _lead(evidence: Evidence) -> Check:
    first = evidence.figures.overall.start
    claim = f"the load ran for {evidence.lead_seconds} s before the fault"
    if first is None:
        return Check(claim, False, "no sample at all")
    lead = (evidence.fault_start - first).total_seconds()
    return Check(claim, lead >= evidence.lead_seconds, f"first sample {lead:.1f} s before it")


def _samples(evidence: Evidence) -> Check:
    # A user's own plan may be as slow as it likes.
    least = _THOUSANDS if evidence.fault is not None else 1
    phases = evidence.figures.phases
    empty = [
        name.lower()
        for name in (PhaseName.BASELINE, PhaseName.FAULT, PhaseName.RECOVERY)
        if name not in phases or not phases[name].samples
    ]
    total = evidence.figures.overall.samples
    seen = f"{total:,} in the JTL" + (f", but none in {' and '.join(empty)}" if empty else "")
    return Check("real requests went out in every phase", total >= least and not empty, seen)


def _fault_felt(evidence: Evidence, fault: Fault) -> Check:
    claim = "the fault shows in the figures"
    baseline, during = _phase(evidence, PhaseName.BASELINE), _phase(evidence, PhaseName.FAULT)
    if baseline is None or during is None:
        return Check(claim, False, "there is nothing to compare")
    (p95_before, errors_before), (p95, errors) = baseline, during
    felt = p95 >= p95_before + fault.latency_ms / 2 and errors >= errors_before + fault.error_share / 2
    return Check(claim, felt, f"p95 {p95_before} -> {p95} ms, errors {errors_before:.1%} -> {errors:.1%}")


def _recovered(evidence: Evidence) -> Check:
    claim = "the shop recovered under load"
    during, after = _phase(evidence, PhaseName.FAULT), _phase(evidence, PhaseName.RECOVERY)
    if during is None or after is None:
        return Check(claim, False, "there is nothing to compare")
    (p95_during, errors_during), (p95, errors) = during, after
    recovered = p95 < p95_during / 2 and errors < errors_during / 2
    return Check(claim, recovered, f"p95 {p95_during} -> {p95} ms, errors {errors_during:.1%} -> {errors:.1%}")


def _recovery_timed(evidence: Evidence) -> Check:
    claim = "the report has the time to recover"
    took = evidence.recovery_seconds
    if took is not None:
        return Check(claim, True, f"{evidence.verdict}; recovered {took:.1f} s after the fault ended")
    last = evidence.figures.overall.end
    waited = "" if last is None else f" within {(last - evidence.fault_end).total_seconds():.0f} s"
    # A result, not a failure: what else runs on this machine made the figures unsteady.
    return Check(claim, True, f"not recovered{waited}: this machine is busy", busy=True)


def _phase(evidence: Evidence, name: PhaseName) -> tuple[int, float] | None:
    """p95 (ms) and error rate of a phase; None when it has none."""
    summary = evidence.figures.phases.get(name)
    if summary is None or summary.latency.p95 is None or summary.error_rate is None:
        return None
    return summary.latency.p95, summary.error_rate


def _stopped(evidence: Evidence) -> Check:
    claim = "the experiment's end stopped the load"
    first, last = evidence.figures.overall.start, evidence.figures.overall.end
    started, ended = evidence.started, evidence.ended
    if evidence.status != "STOPPED" or not (started and ended and first and last):
        return Check(claim, False, f"the task is {evidence.status}, from {started} to {ended}")
    true_start = first - _BEFORE_FIRST_SAMPLE <= started <= first + _CLOCK_SLACK
    true_end = last - _CLOCK_SLACK <= ended <= last + _AFTER_LAST_SAMPLE
    # The task's times are kept in whole seconds, cut.
    seen = (
        f"{evidence.status}; task {started:%H:%M:%S} to {ended:%H:%M:%S}, samples {first:%H:%M:%S} to {last:%H:%M:%S}"
    )
    return Check(claim, true_start and true_end, seen)


def _transitions(evidence: Evidence) -> Check:
    shown = " -> ".join(evidence.transitions) or "none"
    return Check("each status change was recorded exactly once", evidence.transitions == LIFE_OF_A_STOPPED_TASK, shown)


def _dashboard(evidence: Evidence) -> Check:
    return Check("JMeter's dashboard was made", evidence.dashboard, "yes" if evidence.dashboard else "it did not come")


def _nothing_left(evidence: Evidence) -> Check:
    left = evidence.jmeter_left
    seen = "none" if not left else f"process {', '.join(map(str, left))}"
    return Check("no JMeter process is left", not left, seen)
