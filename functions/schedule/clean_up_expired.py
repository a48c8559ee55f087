"""Every day: delete what is past its retention."""

from dataclasses import asdict

from tandem.bootstrap import application


def handler(event: object, context: object) -> dict[str, object]:
    report = application().clean_up_expired()
    application().meter.record(
        {
            "UploadBytes": report.upload_bytes,
            "TasksDeleted": report.tasks,
            "UploadsDeleted": report.uploads,
            "ResultsDeleted": report.results,
            "ResultsKept": report.results_kept + report.results_waiting,
        }
    )
    return asdict(report)
