"""A stop was accepted: carry it out, however long the engine takes."""

from tandem.bootstrap import application
from tandem.domain.messages import StopWhat
from tandem.triggers.stop_messages import StopMessage, stop_worker


@stop_worker
def handler(message: StopMessage) -> None:
    if message.what is StopWhat.INJECTION:
        application().stop_injection(message.experiment_task_id)
    else:
        application().stop_load(message.experiment_task_id)
