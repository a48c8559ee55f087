"""Events of ours about tasks, as they come from EventBridge through a queue."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tandem.telemetry import LogEvent
from tandem.triggers.queue_worker import queue_worker


class _Subject(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    experiment_task_id: str
    task_id: str


class TaskEvent(BaseModel):
    """The event around its detail; which kind it is does not matter, the database knows more."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    detail: _Subject


task_event_worker = queue_worker(TaskEvent, LogEvent.RUN_NOT_ARCHIVED)
