"""Read one task's state from the engine now, because a user asks."""

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.ports import TaskKey
from tandem.services.ask_engine import ask_all
from tandem.services.change_run import ChangeRun
from tandem.services.find_task import FindTask


class SyncOneTask:
    def __init__(self, find: FindTask, change: ChangeRun, engines: LoadEngines, clock: Clock) -> None:
        self._find = find
        self._change = change
        self._engines = engines
        self._clock = clock

    def __call__(self, owner: Owner, key: TaskKey) -> ExperimentRun:
        """The task as it is after the look. Raises TaskNotFound, or the error of an engine that could not be asked."""
        run = self._find(owner, key)
        task = run.started_task
        if task.status.ended or task.execution_id is None:
            return run
        answers = ask_all(self._engines, run)
        silent = [answer for answer in answers.values() if isinstance(answer, EngineError)]
        if len(silent) < len(answers):
            # What one engine of several said counts, whatever the others do.
            now = self._clock.now()
            run = self._change(run.experiment_task_id, lambda run: run.learn_all(answers, now, is_sweep=False))
        if silent and not run.started_task.status.ended:
            raise silent[0]
        return run
