"""Messages of the queue of stops."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tandem.domain.messages import StopWhat
from tandem.telemetry import LogEvent
from tandem.triggers.queue_worker import queue_worker


class StopMessage(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    experiment_task_id: str
    task_id: str
    what: StopWhat = StopWhat.LOAD


stop_worker = queue_worker(StopMessage, LogEvent.STOP_NOT_CONFIRMED)
