"""What the report of a task shows."""

from dataclasses import dataclass

from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.ports import TaskKey
from tandem.services.analyse_run import AnalyseRun, RunAnalysis
from tandem.services.find_task import FindTask


@dataclass(frozen=True, slots=True)
class TaskReport:
    """A run and what can be said of it."""

    run: ExperimentRun
    analysis: RunAnalysis


class GetReport:
    """Unlike the figures for programs, a page for people says what it does not know: it comes without the engine."""

    def __init__(self, find: FindTask, analyse: AnalyseRun) -> None:
        self._find = find
        self._analyse = analyse

    def __call__(self, owner: Owner, key: TaskKey) -> TaskReport:
        """Raises TaskNotFound."""
        run = self._find(owner, key)
        try:
            return TaskReport(run, self._analyse(run))
        except EngineError as trouble:
            return TaskReport(run, RunAnalysis(None, None, f"the engine could not be asked ({trouble.message})"))
