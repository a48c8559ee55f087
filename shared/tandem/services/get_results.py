"""What a task's load left behind: where it lies, and what it says."""

from dataclasses import dataclass

from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.load_engine import EngineResults, LoadEngine
from tandem.domain.ports import TaskKey
from tandem.services.analyse_run import AnalyseRun, RunAnalysis
from tandem.services.find_task import FindTask


@dataclass(frozen=True, slots=True)
class TaskResults:
    """``on_engine`` is None when the engine does not know the run (any more); the paths in the task's row remain."""

    run: ExperimentRun
    on_engine: EngineResults | None
    analysis: RunAnalysis


class GetResults:
    def __init__(self, find: FindTask, engine: LoadEngine, analyse: AnalyseRun) -> None:
        self._find = find
        self._engine = engine
        self._analyse = analyse

    def __call__(self, owner: Owner, key: TaskKey) -> TaskResults:
        """Raises TaskNotFound, and the engine's errors when it cannot be asked."""
        return self.of(self._find(owner, key))

    def of(self, run: ExperimentRun) -> TaskResults:
        """The same for a run at hand."""
        execution_id = run.started_task.execution_id
        on_engine = None if execution_id is None else self._engine.results(execution_id)
        return TaskResults(run, on_engine, self._analyse(run))
