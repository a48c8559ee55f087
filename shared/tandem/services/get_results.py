"""What a task's load left behind: where it lies, and what it says."""

from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.load_engine import EngineResults
from tandem.domain.ports import TaskKey
from tandem.domain.run_report import RunResults
from tandem.services.analyse_run import AnalyseRun
from tandem.services.find_archived_run import FindArchivedRun
from tandem.services.find_task import FindTask


class GetResults:
    def __init__(self, find: FindTask, archived: FindArchivedRun, engines: LoadEngines, analyse: AnalyseRun) -> None:
        self._find = find
        self._archived = archived
        self._engines = engines
        self._analyse = analyse

    def __call__(self, owner: Owner, key: TaskKey) -> RunResults:
        """Raises TaskNotFound, and the engines' errors while the run goes on and none of them can be asked."""
        return self.of(self._find(owner, key))

    def of(self, run: ExperimentRun) -> RunResults:
        """The same for a run at hand."""
        kept = self._archived(run)
        if kept is not None:
            return RunResults(run, kept.figures, archived=kept, links=self._archived.links(run, kept))
        return self.on_engine(run)

    def on_engine(self, run: ExperimentRun) -> RunResults:
        """As the engines have it now; of a load on several the first tells where it serves its files.

        It is what is there without the engines that cannot be asked.
        """
        return RunResults(run, self._analyse(run), self._told(run))

    def _told(self, run: ExperimentRun) -> EngineResults | None:
        first = run.load_parts[0]
        if first.execution_id is None:
            return None
        try:
            return self._engines.of(first.engine).results(first.execution_id)
        except EngineError:
            if len(run.load_parts) == 1 and not run.started_task.status.ended:
                raise
            return None
