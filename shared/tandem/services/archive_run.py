"""A task has ended: keep its samples, analyse them once, keep figures and report, and say that they are there.

Every step leaves its work where the next try finds it: whoever dies here is repeated by the queue. The engine's files
are copied first, because the engine may forget them; ``analysis.json`` comes last, because it says what is there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from tandem.domain.analysis_document import comparison_document
from tandem.domain.archive import ArchivedFile, ArchivedRun, ArchivePart, RunArchive, facts_of
from tandem.domain.clock import Clock
from tandem.domain.engine_pool import EngineNotInPool, LoadEngines
from tandem.domain.errors import DashboardPending, EngineError, EngineRefused, EngineUnavailable
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.load_engine import LoadEngine
from tandem.domain.load_part import LoadPart
from tandem.domain.run_report import RunReport, RunResults
from tandem.domain.timestamps import to_millis
from tandem.services.change_run import ChangeRun, RunNotFound
from tandem.services.compare_with_earlier import CompareWithEarlier
from tandem.services.get_events import GetEvents
from tandem.services.get_report import MAX_EVENTS
from tandem.services.get_results import GetResults
from tandem.telemetry import LogEvent, log

SECONDS_BETWEEN_LOOKS = 2.0

_REPORT = ArchivedFile(ArchivePart.REPORT)


@dataclass(frozen=True, slots=True)
class _Samples:
    """The result files that are kept now, and the engines that could not be asked for theirs."""

    kept: frozenset[ArchivedFile]
    silent: tuple[str, ...]


class ArchiveRun:
    def __init__(
        self,
        change: ChangeRun,
        engines: LoadEngines,
        archive: RunArchive,
        results: GetResults,
        events: GetEvents,
        compare: CompareWithEarlier,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._change = change
        self._engines = engines
        self._archive = archive
        self._results = results
        self._events = events
        self._compare = compare
        self._clock = clock
        self._limits = limits

    def __call__(self, experiment_task_id: str, render: Callable[[RunReport], str]) -> None:
        """Nothing is made anew for a run that is kept already; ``render`` makes the report's page.

        The report is announced before the dashboard is there, which JMeter may take minutes to make. Of a load that may
        go on nothing is kept, and nothing is to be tried again: whoever confirms its end, or gives up waiting for
        that, sends the next message. An engine that cannot be asked is waited for (``engine_gone``), then the run is
        kept without what it has; should it come back while this is still tried, the run is kept anew.
        Raises the engine's errors, StorageUnavailable: try again later.
        """
        try:
            run = self._change.read(experiment_task_id)
        except RunNotFound:
            # Deleted meanwhile: nobody asks for it any more.
            return
        if run.task is None or not run.task.status.ended or run.results_awaited:
            return
        samples = self._keep_samples(run)
        kept = self._archive.read(run.task.task_id)
        if kept is None or kept.facts != facts_of(run) or not samples.kept <= kept.files:
            kept = self._keep(run, kept, samples, render)
        verdict = None if kept.figures.verdict is None else str(kept.figures.verdict["status"])
        made = to_millis(kept.archived_at)
        self._change(experiment_task_id, lambda found: found.announce_report(verdict, made, self._clock.now()))
        self._keep_dashboards(run, kept)
        log(LogEvent.RUN_ARCHIVED, task_id=run.task.task_id, experiment_task_id=experiment_task_id, verdict=verdict)
        if samples.silent:
            # Tried again for as long as the queue does: the engine may come back.
            raise EngineUnavailable(f"the run is archived without the results on {', '.join(samples.silent)}")

    def _keep(
        self, run: ExperimentRun, before: ArchivedRun | None, samples: _Samples, render: Callable[[RunReport], str]
    ) -> ArchivedRun:
        """Keep a run; ``before`` is what was kept of it, on other facts or without some of its samples."""
        task_id = run.started_task.task_id
        files = {_REPORT, *samples.kept}
        if before is not None:
            files |= {file for file in before.files if file.part is ArchivePart.DASHBOARD}
        results = self._compared(self._results.on_engine(run))
        story = self._events.of(run, MAX_EVENTS).events
        page = render(RunReport(results, story))
        self._archive.put(task_id, _REPORT, [page.encode()])
        # Where the engine serves its files, or what was known of that.
        told = results.on_engine or before
        kept = ArchivedRun(
            archived_at=to_millis(self._clock.now()),
            facts=facts_of(run),
            files=frozenset(files),
            figures=results.figures,
            events=story,
            result_url=None if told is None else told.result_url,
            report_url=None if told is None else told.report_url,
        )
        self._archive.write(task_id, kept)
        return kept

    def _keep_dashboards(self, run: ExperimentRun, kept: ArchivedRun) -> None:
        """JMeter's dashboards are a bonus: only when an engine is still making one is it worth another try.

        Raises DashboardPending, StorageUnavailable.
        """
        task_id = run.started_task.task_id
        pending: DashboardPending | None = None
        for number, part in enumerate(run.load_parts, start=1):
            dashboard = ArchivedFile(ArchivePart.DASHBOARD, number)
            if dashboard in kept.files or ArchivedFile(ArchivePart.RESULTS, number) not in kept.files:
                continue
            try:
                if not self._keep_dashboard(part, task_id, dashboard):
                    continue
            except DashboardPending as trouble:
                pending = trouble
                continue
            except EngineError as trouble:
                log(LogEvent.DASHBOARD_NOT_ARCHIVED, task_id=task_id, engine=part.engine, reason=trouble.message)
                continue
            kept = replace(kept, files=kept.files | {dashboard})
            self._archive.write(task_id, kept)
        if pending is not None:
            raise pending

    def _keep_dashboard(self, part: LoadPart, task_id: str, dashboard: ArchivedFile) -> bool:
        """Whether the engine has made one for its part of the load, and it is kept now. Raises DashboardPending."""
        if part.execution_id is None:
            return False
        engine = self._engines.of(part.engine)
        told = engine.results(part.execution_id)
        if told is None or told.report_url is None or told.report_path is None:
            return False
        self._copy_dashboard(engine, told.report_path, task_id, dashboard)
        return True

    def _copy_dashboard(self, engine: LoadEngine, report_path: str, task_id: str, dashboard: ArchivedFile) -> None:
        """Wait a while for the dashboard, and copy it."""
        until = self._clock.now() + timedelta(seconds=self._limits.dashboard)
        while True:
            try:
                with engine.open_dashboard(report_path) as chunks:
                    self._archive.put(task_id, dashboard, chunks)
            except DashboardPending:
                if self._clock.now() >= until:
                    raise
            else:
                return
            self._clock.sleep(SECONDS_BETWEEN_LOOKS)

    def _compared(self, results: RunResults) -> RunResults:
        comparison = self._compare(results.run, results.figures)
        if comparison is None:
            return results
        return replace(results, figures=replace(results.figures, comparison=comparison_document(comparison)))

    def _keep_samples(self, run: ExperimentRun) -> _Samples:
        """Copy the result files that are not kept yet; one that is kept is final.

        Raises the engine's error when one that may come back cannot be asked, after the others have been.
        """
        task_id = run.started_task.task_id
        kept, silent = set(), []
        trouble: EngineError | None = None
        for number, part in enumerate(run.load_parts, start=1):
            file = ArchivedFile(ArchivePart.RESULTS, number)
            # A file that may still grow is not kept: its load's end is not confirmed.
            if part.result_path is None or (run.stop_pending and part.may_run):
                continue
            if not self._archive.holds(task_id, file):
                try:
                    with self._engines.of(part.engine).open_result_file(part.result_path) as chunks:
                        self._archive.put(task_id, file, chunks)
                except (EngineRefused, EngineNotInPool):
                    continue
                except EngineError as error:
                    if part.engine in run.removed_engines:
                        continue
                    trouble = error
                    silent.append(part.engine)
                    continue
            kept.add(file)
        if trouble is not None and not run.engine_is_gone(self._clock.now(), self._limits):
            raise trouble
        return _Samples(frozenset(kept), tuple(silent))
