"""Analyse a run's result file where it lies: on the engine, streamed, also while the run goes on."""

from dataclasses import dataclass

from tandem.domain.analysis import Analysis, analyse
from tandem.domain.errors import EngineRefused, UnreadableResults
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.load_engine import LoadEngine
from tandem.domain.samples import AnalysisPlan, SampleReader
from tandem.domain.verdict import LoadFacts, ReasonCode, Verdict, inconclusive, judge


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """``analysis`` is None when there is no readable result file, and then ``missing`` says why.

    ``verdict`` is None while the run goes on, and for a load that never ran.
    """

    analysis: Analysis | None
    verdict: Verdict | None
    missing: str | None = None


class AnalyseRun:
    def __init__(self, engine: LoadEngine, read: SampleReader) -> None:
        self._engine = engine
        self._read = read

    def __call__(self, run: ExperimentRun, bucket_ms: int | None = None) -> RunAnalysis:
        """The figures as they are now. Raises EngineUnavailable, EngineAnswerLost, EngineAnsweredWrongly."""
        task = run.started_task
        if task.execution_id is None or task.result_path is None:
            return RunAnalysis(None, None, "the load has not been started on the engine")
        plan = plan_of(run, bucket_ms)
        try:
            with self._engine.open_result_file(task.result_path) as chunks:
                analysis = analyse(self._read, chunks, plan)
        except EngineRefused:
            return _without_file(run, "the engine has no result file of this run")
        except UnreadableResults as unreadable:
            return _without_file(run, unreadable.message)
        if not task.status.ended:
            return RunAnalysis(analysis, None)
        proven = run.load_proven_at is not None or bool(run.window_load_proven)
        slo = None if run.plan is None else run.plan.strategy.slo
        return RunAnalysis(analysis, judge(analysis, plan, slo, LoadFacts(proven=proven)))

    def empty(self, run: ExperimentRun, bucket_ms: int | None = None) -> Analysis:
        """The analysis of a run without samples."""
        return analyse(self._read, (), plan_of(run, bucket_ms))


def plan_of(run: ExperimentRun, bucket_ms: int | None = None) -> AnalysisPlan:
    """The fault window as well as it is known, and what the definition says of the load."""
    window = run.fault_window
    return AnalysisPlan(
        fault_start=window.start,
        fault_end=window.end,
        ramp_up_sec=0 if run.plan is None else run.plan.definition.ramp_up,
        bucket_ms=bucket_ms,
    )


def _without_file(run: ExperimentRun, why: str) -> RunAnalysis:
    ended = run.started_task.status.ended
    return RunAnalysis(None, inconclusive(ReasonCode.RESULTS_UNREADABLE, why) if ended else None, why)
