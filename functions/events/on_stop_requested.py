"""A stop was accepted: carry it out, however long the engine takes."""

from tandem.bootstrap import application
from tandem.triggers.stop_messages import StopMessage, stop_worker


@stop_worker
def handler(message: StopMessage) -> None:
    application().stop_load(message.experiment_task_id)
