"""Every day: delete what is past its retention."""

from dataclasses import asdict

from tandem.bootstrap import application
from tandem.triggers.metrics import publish


def handler(event: object, context: object) -> dict[str, object]:
    report = application().clean_up_expired()
    publish({"UploadBytes": report.upload_bytes, "TasksDeleted": report.tasks, "UploadsDeleted": report.uploads})
    return asdict(report)
