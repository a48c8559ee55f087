"""POST /QueryLoadTestTasks: a page of tasks, newest first."""

from tandem.bootstrap import application
from tandem.rest.app import Call, endpoint
from tandem.rest.tasks import TaskPage, TaskQuery


@endpoint(TaskQuery)
def handler(call: Call[TaskQuery]) -> TaskPage:
    page = application().query_tasks(call.owner, call.parameters.wanted, call.parameters.page)
    return TaskPage.of(page, call.language)
