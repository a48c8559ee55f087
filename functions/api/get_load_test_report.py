"""GET /GetLoadTestReport: the report of a task as an HTML page."""

from tandem.bootstrap import application
from tandem.domain.task import TaskNotFound
from tandem.domain.timestamps import iso_utc
from tandem.rest.app import Call, WholeAnswer, endpoint
from tandem.rest.report import CONTENT_TYPE, HEADERS, figures_document, run_document
from tandem.rest.tasks import TaskSelector


@endpoint(TaskSelector, errors=[TaskNotFound], content_type=CONTENT_TYPE)
def handler(call: Call[TaskSelector]) -> WholeAnswer:
    found = application().get_report(call.owner, call.parameters.key)
    results, analysed = found.results, found.results.analysis
    report = {
        "generatedAt": iso_utc(application().clock.now()),
        **run_document(results.run, call.language),
        **figures_document(results.run, results.on_engine, analysed.analysis, analysed.verdict),
        "events": {"events": found.story.events},
        "missing": analysed.missing,
    }
    return WholeAnswer(application().write_report(report, call.language), HEADERS)
