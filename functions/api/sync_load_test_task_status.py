"""POST /SyncLoadTestTaskStatus: the task, read from the engine just now."""

from tandem.bootstrap import application
from tandem.domain.errors import EngineAnsweredWrongly
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.tasks import TaskById, TaskView


@endpoint(TaskById, errors=[TaskNotFound, EngineAnsweredWrongly])
def handler(call: Call[TaskById]) -> TaskView:
    run = application().sync_one_task(call.owner, call.parameters.key)
    return TaskView.of(run, call.language)
