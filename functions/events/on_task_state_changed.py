"""A task has ended, or more became known of an ended one: archive its run and say that the report is there."""

from tandem.bootstrap import application
from tandem.domain.run_report import RunReport
from tandem.rest.report import report_document
from tandem.triggers.task_events import TaskEvent, task_event_worker

LANGUAGE = "en"


@task_event_worker
def handler(event: TaskEvent) -> None:
    def render(report: RunReport) -> str:
        document = report_document(report, LANGUAGE, application().clock.now())
        return application().write_report(document, LANGUAGE)

    application().archive_run(event.detail.experiment_task_id, render)
