"""GET /GetLoadTestTaskByExperimentTaskId: the task that goes with an experiment task."""

from tandem.bootstrap import application
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.tasks import TaskOfExperiment, TaskView


@endpoint(TaskOfExperiment, errors=[TaskNotFound])
def handler(call: Call[TaskOfExperiment]) -> TaskView:
    run = application().find_task(call.owner, call.parameters.key)
    return TaskView.of(run, call.language)
