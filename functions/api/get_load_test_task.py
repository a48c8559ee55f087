"""GET /GetLoadTestTask: one task, by its id or its experiment task's."""

from tandem.bootstrap import application
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.tasks import TaskSelector, TaskView


@endpoint(TaskSelector, errors=[TaskNotFound])
def handler(call: Call[TaskSelector]) -> TaskView:
    run = application().find_task(call.owner, call.parameters.key)
    return TaskView.of(run, call.language)
