"""A task's story: what the engine tells, and what we did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.load_engine import EngineEvent
from tandem.domain.ports import Database, TaskKey
from tandem.domain.task import TaskNotFound
from tandem.domain.task_events import event_line, merged_events
from tandem.domain.timestamps import epoch_ms
from tandem.services.find_archived_run import FindArchivedRun
from tandem.services.find_task import FindTask


@dataclass(frozen=True, slots=True)
class TaskEvents:
    """``events`` are JSON texts, ascending in time; ``execution_id`` is None before the load was started.

    ``missing_parts``: the engines whose lines are not among them.
    """

    execution_id: str | None
    events: list[str]
    missing_parts: tuple[str, ...] = ()


class GetEvents:
    def __init__(self, find: FindTask, database: Database, engines: LoadEngines, archived: FindArchivedRun) -> None:
        self._find = find
        self._database = database
        self._engines = engines
        self._archived = archived

    def __call__(self, owner: Owner, key: TaskKey, tail: int) -> TaskEvents:
        """The last ``tail`` lines; of an experiment that was announced and got no load, the line that says why;
        without the engines that cannot be asked.

        Raises TaskNotFound, and the engines' errors while the run goes on and none of them can be asked.
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
        silent: dict[str, EngineError] = {}

        def ask(name: str) -> Sequence[EngineEvent]:
            try:
                return self._engines.of(name).events(loads[name], tail)
            except EngineError as trouble:
                silent[name] = trouble
                return ()

        told = self._engines.side_by_side(list(loads), ask)
        missing = tuple(name for name in loads if name in silent)
        if missing and len(missing) == len(loads) and not run.started_task.status.ended:
            raise silent[missing[0]]
        kept = self._archived(run) if silent else None
        if kept is not None:
            return TaskEvents(run.started_task.execution_id, list(kept.events)[-tail:], kept.figures.missing_parts)
        return replace(self._merged(run, told, tail), missing_parts=missing)

    def without_engine(self, run: ExperimentRun, tail: int) -> TaskEvents:
        """What we did alone."""
        return self._merged(run, {}, tail)

    def _merged(self, run: ExperimentRun, engines: Mapping[str, Sequence[EngineEvent]], tail: int) -> TaskEvents:
        task = run.started_task
        ours = self._database.read(lambda uow: uow.audit.of_task(task.task_id))
        return TaskEvents(task.execution_id, merged_events(ours, engines, tail, epoch_ms(task.created_at)))
