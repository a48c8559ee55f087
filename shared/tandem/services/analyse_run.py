"""Analyse a run's result files where they lie: in the archive, or on the engines, streamed, also while it goes on."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

from tandem_samples import ThreadGroups

from tandem.domain.analysis import Analysis, analyse
from tandem.domain.analysis_document import results_document, timeseries_document, verdict_document
from tandem.domain.archive import RunArchive, RunFigures
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import EngineRefused, StorageUnavailable, UnreadableResults
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.samples import AnalysisPlan, SampleReader
from tandem.domain.verdict import LoadFacts, ReasonCode, Verdict, inconclusive, judge
from tandem.telemetry import LogEvent, warn


class AnalyseRun:
    def __init__(self, engines: LoadEngines, archive: RunArchive, read: SampleReader) -> None:
        self._engines = engines
        self._archive = archive
        self._read = read

    def __call__(self, run: ExperimentRun, bucket_ms: int | None = None) -> RunFigures:
        """The figures as they are now. Raises EngineUnavailable, EngineAnswerLost, EngineAnsweredWrongly."""
        if all(part.result_path is None for part in run.load_parts):
            return RunFigures(None, None, None, "the load has not been started on the engine")
        plan = plan_of(run, bucket_ms)
        absent: list[str] = []
        try:
            with closing(self._files(run, absent)) as files:
                analysis = analyse(self._read, files, plan)
        except UnreadableResults as unreadable:
            return _without_file(run, unreadable.message)
        if len(absent) == len(run.load_parts):
            return _without_file(run, "the engine has no result file of this run")
        if not run.started_task.status.ended:
            return _figures(analysis, None)
        if absent:
            why = f"no result file of the load's part on {', '.join(absent)}: the figures are those of the others"
            return _figures(analysis, inconclusive(ReasonCode.RESULTS_UNREADABLE, why))
        slo = None if run.plan is None else run.plan.strategy.slo
        return _figures(analysis, judge(analysis, plan, slo, LoadFacts(proven=run.load_was_proven)))

    def empty_series(self, run: ExperimentRun, bucket_ms: int | None = None) -> RunFigures:
        """The figures of a run without samples."""
        return _figures(analyse(self._read, (), plan_of(run, bucket_ms)), None)

    def _files(self, run: ExperimentRun, absent: list[str]) -> Generator[Iterable[bytes]]:
        """The result file of each part in pieces, one after the other: the kept one, else that on the engine.

        Engines that have none are added to ``absent``.
        """
        for number, part in enumerate(run.load_parts, start=1):
            kept = self._kept_samples(run, number) if run.started_task.status.ended else None
            if kept is not None:
                yield kept
                continue
            if part.result_path is None:
                absent.append(part.engine)
                continue
            try:
                with self._engines.of(part.engine).open_result_file(part.result_path) as chunks:
                    yield chunks
            except EngineRefused:
                absent.append(part.engine)

    def _kept_samples(self, run: ExperimentRun, number: int) -> Iterator[bytes] | None:
        try:
            return self._archive.samples(run.started_task.task_id, number)
        except StorageUnavailable as trouble:
            warn(LogEvent.ARCHIVE_UNAVAILABLE, task_id=run.started_task.task_id, reason=trouble.message)
            return None


def plan_of(run: ExperimentRun, bucket_ms: int | None = None) -> AnalysisPlan:
    """The fault window as well as it is known, and what the definition says of the load."""
    window = run.fault_window
    return AnalysisPlan(
        fault_start=window.start,
        fault_end=window.end,
        ramp_up_sec=0 if run.plan is None else run.plan.definition.ramp_up,
        bucket_ms=bucket_ms,
        groups=ThreadGroups(() if run.plan is None else run.plan.thread_groups),
    )


def _figures(analysis: Analysis, verdict: Verdict | None) -> RunFigures:
    judged = None if verdict is None else verdict_document(verdict)
    return RunFigures(results_document(analysis), timeseries_document(analysis), judged)


def _without_file(run: ExperimentRun, why: str) -> RunFigures:
    ended = run.started_task.status.ended
    judged = verdict_document(inconclusive(ReasonCode.RESULTS_UNREADABLE, why)) if ended else None
    return RunFigures(None, None, judged, why)
