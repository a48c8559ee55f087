"""POST /SyncLoadTestTaskStatus: the task, read from the engine just now."""

from tandem.bootstrap import application
from tandem.rest.app import Call, endpoint
from tandem.rest.tasks import TaskById, TaskView


@endpoint(TaskById)
def handler(call: Call[TaskById]) -> TaskView:
    run = application().sync_one_task(call.owner, call.parameters.key)
    return TaskView.of(run, call.language)
