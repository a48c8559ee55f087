"""GET /GetLoadTestResults: where the results of a task lie, and what they say."""

from tandem.bootstrap import application
from tandem.domain.errors import EngineAnsweredWrongly
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.results import ResultsView
from tandem.rest.tasks import TaskSelector


@endpoint(TaskSelector, errors=[TaskNotFound, EngineAnsweredWrongly])
def handler(call: Call[TaskSelector]) -> ResultsView:
    return ResultsView.of(application().get_results(call.owner, call.parameters.key))
