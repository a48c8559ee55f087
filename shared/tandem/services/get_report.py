"""What the report of a task shows."""

from tandem.domain.archive import RunFigures
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.ports import TaskKey
from tandem.domain.run_report import RunReport, RunResults
from tandem.services.find_task import FindTask
from tandem.services.get_events import GetEvents, TaskEvents
from tandem.services.get_results import GetResults

MAX_EVENTS = 1000


class GetReport:
    """Unlike the figures for programs, a page for people says what it does not know: it comes without the engine."""

    def __init__(self, find: FindTask, results: GetResults, events: GetEvents) -> None:
        self._find = find
        self._results = results
        self._events = events

    def __call__(self, owner: Owner, key: TaskKey) -> RunReport:
        """Raises TaskNotFound."""
        run = self._find(owner, key)
        results = self._results_of(run)
        if results.archived is not None:
            return RunReport(results, results.archived.events)
        return RunReport(results, self._story_of(run).events)

    def _results_of(self, run: ExperimentRun) -> RunResults:
        try:
            return self._results.of(run)
        except EngineError as trouble:
            missing = f"the engine could not be asked ({trouble.message})"
            return RunResults(run, RunFigures(None, None, None, missing))

    def _story_of(self, run: ExperimentRun) -> TaskEvents:
        try:
            return self._events.of(run, MAX_EVENTS)
        except EngineError:
            return self._events.without_engine(run, MAX_EVENTS)
