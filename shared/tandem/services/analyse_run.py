"""Analyse a run's result files where they lie: in the archive, or on the engines, streamed, also while it goes on."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from tandem_samples import ThreadGroups

from tandem.domain.analysis import Analysis, analyse
from tandem.domain.analysis_document import results_document, timeseries_document, verdict_document
from tandem.domain.archive import RunArchive, RunFigures
from tandem.domain.clock import Clock
from tandem.domain.engine_pool import EngineNotInPool, LoadEngines
from tandem.domain.errors import EngineError, EngineRefused, StorageUnavailable, UnreadableResults
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.limits import Limits
from tandem.domain.load_part import LoadPart
from tandem.domain.samples import AnalysisPlan, SampleReader
from tandem.domain.verdict import Verdict, inconclusive, judge
from tandem.domain.verdict_doubts import LoadFacts
from tandem.domain.verdict_reasons import Reason, generator_broke, generator_strained, part_missing, results_unreadable
from tandem.telemetry import LogEvent, warn


@dataclass(slots=True)
class _Absent:
    """Engines without a result file: those that have none, those that are gone, those that may come back."""

    without: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    trouble: EngineError | None = None

    @property
    def unasked(self) -> int:
        """How many could not be asked."""
        return len(self.gone) + len(self.silent)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.without, *self.gone, *self.silent)


class AnalyseRun:
    def __init__(
        self, engines: LoadEngines, archive: RunArchive, read: SampleReader, clock: Clock, limits: Limits
    ) -> None:
        self._engines = engines
        self._archive = archive
        self._read = read
        self._clock = clock
        self._limits = limits

    def __call__(self, run: ExperimentRun, bucket_ms: int | None = None) -> RunFigures:
        """The figures as they are now, without the engines that cannot be asked, which are named.

        While the run goes on raises EngineUnavailable, EngineAnswerLost, EngineAnsweredWrongly when none can be asked.
        """
        if all(part.result_path is None for part in run.load_parts):
            return RunFigures(None, None, None, "the load has not been started on the engine")
        plan = plan_of(run, bucket_ms)
        absent = _Absent()
        try:
            with closing(self._files(run, absent)) as files:
                analysis = analyse(self._read, files, plan)
        except UnreadableResults as unreadable:
            return self._without_figures(run, results_unreadable(unreadable.message), absent)
        if absent.trouble is not None and absent.unasked == len(run.load_parts) and not run.started_task.status.ended:
            raise absent.trouble
        if len(absent.names) == len(run.load_parts):
            return self._without_figures(run, _why_nothing(run, absent), absent)
        figures = RunFigures(
            results_document(analysis), timeseries_document(analysis), None, missing_parts=absent.names, final=False
        )
        if not _is_final(run, absent):
            return figures
        slo = None if run.plan is None else run.plan.strategy.slo
        return _judged(figures, judge(analysis, plan, slo, load_facts(run, absent.names)))

    def empty_series(self, run: ExperimentRun, bucket_ms: int | None = None) -> RunFigures:
        """The figures of a run without samples."""
        analysis: Analysis = analyse(self._read, (), plan_of(run, bucket_ms))
        return RunFigures(results_document(analysis), timeseries_document(analysis), None)

    def _files(self, run: ExperimentRun, absent: _Absent) -> Generator[Iterable[bytes]]:
        """The result file of each part in pieces, one after the other: the kept one, else that on the engine.

        Engines that have none, or cannot be asked, are added to ``absent``.
        """
        for number, part in enumerate(run.load_parts, start=1):
            kept = self._kept_samples(run, number) if run.started_task.status.ended else None
            if kept is not None:
                yield kept
                continue
            if part.result_path is None:
                absent.without.append(part.engine)
                continue
            try:
                # What goes wrong while the reader takes the chunks does not pass through here.
                with self._engines.of(part.engine).open_result_file(part.result_path) as chunks:
                    yield chunks
            except EngineRefused:
                absent.without.append(part.engine)
            except EngineError as trouble:
                self._miss(run, part, trouble, absent)

    def _miss(self, run: ExperimentRun, part: LoadPart, trouble: EngineError, absent: _Absent) -> None:
        """An engine that cannot be asked."""
        absent.trouble = absent.trouble or trouble
        removed = isinstance(trouble, EngineNotInPool) or part.engine in run.removed_engines
        is_gone = removed or run.engine_is_gone(self._clock.now(), self._limits)
        (absent.gone if is_gone else absent.silent).append(part.engine)
        warn(
            LogEvent.ENGINE_TROUBLE,
            task_id=run.started_task.task_id,
            engine=part.engine,
            count=1,
            reason=trouble.message,
        )

    def _kept_samples(self, run: ExperimentRun, number: int) -> Iterator[bytes] | None:
        try:
            return self._archive.samples(run.started_task.task_id, number)
        except StorageUnavailable as trouble:
            warn(LogEvent.ARCHIVE_UNAVAILABLE, task_id=run.started_task.task_id, reason=trouble.message)
            return None

    def _without_figures(self, run: ExperimentRun, why: Reason, absent: _Absent) -> RunFigures:
        figures = RunFigures(None, None, None, why.message, missing_parts=absent.names, final=False)
        return _judged(figures, inconclusive(why)) if _is_final(run, absent) else figures


def plan_of(run: ExperimentRun, bucket_ms: int | None = None) -> AnalysisPlan:
    """The fault window as well as it is known, and what the definition says of the load."""
    window = run.fault_window
    return AnalysisPlan(
        fault_start=window.start,
        fault_end=window.end,
        ramp_up_sec=0 if run.plan is None else run.plan.ramp_up_sec,
        bucket_ms=bucket_ms,
        groups=ThreadGroups(() if run.plan is None else run.plan.thread_groups),
    )


def load_facts(run: ExperimentRun, missing_parts: tuple[str, ...]) -> LoadFacts:
    """What the verdict has to know of an ended run besides its samples."""
    window = run.fault_window
    health = run.generator
    broke = None if health is None else generator_broke(health) or generator_strained(health)
    unconfirmed = [part.engine for part in run.load_parts if run.stop_pending and part.may_run] + run.removed_engines
    return LoadFacts(
        proven=run.load_was_proven,
        start_from=window.start_from,
        end_from=window.end_from,
        experiment_failed=run.outcome is Outcome.FAILED,
        expected_error_rate=None if run.plan is None else run.plan.strategy.expected_error_rate,
        missing_parts=missing_parts,
        parts=len(run.load_parts),
        unconfirmed=tuple(unconfirmed),
        generator=() if broke is None else (broke,),
    )


def _is_final(run: ExperimentRun, absent: _Absent) -> bool:
    """Whether no more is to come: a verdict that the next look takes back would be none."""
    return run.started_task.status.ended and not run.results_awaited and not absent.silent


def _why_nothing(run: ExperimentRun, absent: _Absent) -> Reason:
    if absent.gone or absent.silent:
        return part_missing(absent.names, len(run.load_parts))
    return results_unreadable("the engine has no result file of this run")


def _judged(figures: RunFigures, verdict: Verdict) -> RunFigures:
    return replace(figures, verdict=verdict_document(verdict), final=True)
