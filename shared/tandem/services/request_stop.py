"""A user stops a task: accepted durably and at once; the slow stop itself is the worker's."""

from tandem.domain.clock import Clock
from tandem.domain.engine_state import StopReason
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, TaskKey, UnitOfWork
from tandem.domain.task import TaskNotFound
from tandem.services.deliver_messages import DeliverMessages
from tandem.telemetry import LogEvent, log


class RequestStop:
    """Idempotent: a task that ended, or whose stop was accepted before, is fine."""

    def __init__(self, database: Database, deliver: DeliverMessages, clock: Clock) -> None:
        self._database = database
        self._deliver = deliver
        self._clock = clock

    def __call__(self, owner: Owner, key: TaskKey) -> None:
        """Raises TaskNotFound when the owner has no such task."""
        now = self._clock.now()

        def work(uow: UnitOfWork) -> str:
            found = uow.runs.find(owner, key)
            if found is None:
                raise TaskNotFound(key.named)
            task_id = found.started_task.task_id
            for run in uow.runs.lock_by_task_ids([task_id]):
                run.request_stop(StopReason.USER, "stopped by the user", now)
                uow.runs.save([run])
            return task_id

        task_id = self._database.write(work)
        log(LogEvent.STOP_REQUESTED, task_id=task_id)
        self._deliver()
