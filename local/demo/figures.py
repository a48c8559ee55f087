"""The figures of baseline, fault and recovery, counted from the JTL by Tandem's own analysis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.analysis import analyse
from tandem.domain.errors import UnreadableResults
from tandem.domain.samples import AnalysisPlan, PhaseName
from tandem.domain.summary import Summary
from tandem.domain.verdict import judge
from tandem.domain.verdict_doubts import LoadFacts

from local.demo.failure import DemoFailure


@dataclass(frozen=True)
class RunFigures:
    """A run around its fault; a phase without time is missing from `phases`."""

    overall: Summary
    phases: dict[PhaseName, Summary]


def figures_of(jtl: bytes, fault_start: datetime, fault_end: datetime, ramp_up_sec: int) -> RunFigures:
    """Counts a whole JTL; the ramp-up belongs to no phase of the table. Raises DemoFailure."""
    plan = AnalysisPlan(fault_start=fault_start, fault_end=fault_end, ramp_up_sec=ramp_up_sec)
    try:
        analysis = analyse(read_jtl, [[jtl]], plan)
    except UnreadableResults as exc:
        raise DemoFailure(f"the JTL cannot be read: {exc}") from exc
    return RunFigures(analysis.summary, {phase.bounds.name: phase.summary for phase in analysis.phases})


def recovered(jtl: bytes, fault_start: datetime, fault_end: datetime, ramp_up_sec: int) -> bool:
    """Whether the samples so far show that the fault is over for the users, by the rule of Tandem's own verdict."""
    plan = AnalysisPlan(fault_start=fault_start, fault_end=fault_end, ramp_up_sec=ramp_up_sec)
    try:
        analysis = analyse(read_jtl, [[jtl]], plan)
    except UnreadableResults:
        # Cut in the middle of a record: the next look finds it whole.
        return False
    felt = judge(analysis, plan, None, LoadFacts(proven=True)).recovery
    return felt is not None and felt.recovered is not False
