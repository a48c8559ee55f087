"""POST /StopLoadTestTask: accept a stop; the engine confirms later."""

from tandem.bootstrap import application
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.tasks import TaskById


@endpoint(TaskById, errors=[TaskNotFound])
def handler(call: Call[TaskById]) -> bool:
    application().request_stop(call.owner, call.parameters.key)
    return True
