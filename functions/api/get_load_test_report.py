"""GET /GetLoadTestReport: the report of a task as an HTML page."""

from tandem.bootstrap import application
from tandem.domain.task import TaskNotFound
from tandem.rest.app import Call, WholeAnswer, endpoint
from tandem.rest.report import CONTENT_TYPE, HEADERS, report_document
from tandem.rest.tasks import TaskSelector


@endpoint(TaskSelector, errors=[TaskNotFound], content_type=CONTENT_TYPE)
def handler(call: Call[TaskSelector]) -> WholeAnswer:
    found = application().get_report(call.owner, call.parameters.key)
    report = report_document(found, call.language, application().clock.now())
    return WholeAnswer(application().write_report(report, call.language), HEADERS)
