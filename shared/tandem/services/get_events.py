"""A task's story: what the engine tells, and what we did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tandem.domain.engine_pool import LoadEngines
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.load_engine import EngineEvent
from tandem.domain.ports import Database, TaskKey
from tandem.domain.task import TaskNotFound
from tandem.domain.task_events import event_line, merged_events
from tandem.domain.timestamps import epoch_ms
from tandem.services.find_task import FindTask


@dataclass(frozen=True, slots=True)
class TaskEvents:
    """``events`` are JSON texts, ascending in time; ``execution_id`` is None before the load was started."""

    execution_id: str | None
    events: list[str]


class GetEvents:
    def __init__(self, find: FindTask, database: Database, engines: LoadEngines) -> None:
        self._find = find
        self._database = database
        self._engines = engines

    def __call__(self, owner: Owner, key: TaskKey, tail: int) -> TaskEvents:
        """The last ``tail`` lines; of an experiment that was announced and got no load, the line that says why.

        Raises TaskNotFound, and the engine's errors when it cannot be asked.
        """
        try:
            run = self._find(owner, key)
        except TaskNotFound:
            announced = self._find.announced(owner, key)
            if announced is None:
                raise
            return TaskEvents(None, [event_line(epoch_ms(announced.at), announced.code, announced.reason)])
        return self.of(run, tail)

    def of(self, run: ExperimentRun, tail: int) -> TaskEvents:
        """The same for a run at hand."""
        loads = {part.engine: part.execution_id for part in run.load_parts if part.execution_id is not None}
        told = self._engines.side_by_side(list(loads), lambda name: self._engines.of(name).events(loads[name], tail))
        return self._merged(run, told, tail)

    def without_engine(self, run: ExperimentRun, tail: int) -> TaskEvents:
        """What we did alone."""
        return self._merged(run, {}, tail)

    def _merged(self, run: ExperimentRun, engines: Mapping[str, Sequence[EngineEvent]], tail: int) -> TaskEvents:
        task = run.started_task
        ours = self._database.read(lambda uow: uow.audit.of_task(task.task_id))
        return TaskEvents(task.execution_id, merged_events(ours, engines, tail, epoch_ms(task.created_at)))
