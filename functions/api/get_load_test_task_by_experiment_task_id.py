"""GET /GetLoadTestTaskByExperimentTaskId: the task that goes with an experiment task."""

from tandem.bootstrap import application
from tandem.rest.app import Call, endpoint
from tandem.rest.tasks import TaskOfExperiment, TaskView
from tandem.services.find_task import TaskNotFound


@endpoint(TaskOfExperiment, errors=[TaskNotFound])
def handler(call: Call[TaskOfExperiment]) -> TaskView:
    run = application().find_task(call.owner, call.parameters.key)
    return TaskView.of(run, call.language)
