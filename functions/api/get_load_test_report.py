"""GET /GetLoadTestReport: the report of a task as an HTML page."""

from tandem.bootstrap import application
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, WholeAnswer, endpoint
from tandem.rest.report import CONTENT_TYPE, report_page
from tandem.rest.tasks import TaskSelector


@endpoint(TaskSelector, errors=[TaskNotFound], content_type=CONTENT_TYPE)
def handler(call: Call[TaskSelector]) -> WholeAnswer:
    found = application().get_report(call.owner, call.parameters.key)
    analysis = found.analysis
    page = report_page(found.run, analysis.analysis, analysis.verdict, analysis.missing, call.language)
    return WholeAnswer(page)
