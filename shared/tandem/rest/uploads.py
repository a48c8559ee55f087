"""Parameters and views of files that we have, or are given."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from tandem.domain.preflight_report import Finding, FindingCode, PreflightReport, Severity
from tandem.domain.timestamps import epoch_ms, iso_utc
from tandem.domain.upload import Upload
from tandem.rest.parameters import Document, Parameters, Text


class FileParameters(Parameters):
    """What goes with a file that is sent directly."""

    file_name: Annotated[Text, Field(max_length=255)] | None = Field(
        default=None, description="The file's name when the body is the file itself and not a form."
    )


class UploadPath(Parameters):
    """A file that was sent to the store."""

    upload_path: Annotated[Text, Field(min_length=1, max_length=1024)]


class FindingView(Document):
    """One thing that the preflight says of a plan. ``values`` are what the message is made of, by name."""

    code: FindingCode
    severity: Severity
    element: str
    path: str
    message: str
    values: dict[str, str | int]

    @classmethod
    def of(cls, finding: Finding) -> "FindingView":
        return cls(
            code=finding.code,
            severity=finding.severity,
            element=finding.element,
            path=finding.path,
            message=finding.message,
            values=dict(finding.values),
        )


class PreflightView(Document):
    """What the preflight says of a plan; ``status`` is the gravest severity."""

    status: Severity
    findings: list[FindingView]

    @classmethod
    def of(cls, report: PreflightReport) -> "PreflightView":
        return cls(status=report.status, findings=[FindingView.of(finding) for finding in report.findings])


class UploadView(Document):
    """A stored file. ``uploadPath`` is what contentRef and dataFiles take, and so is ``accessUrl``.

    ``dataFiles`` are the uploadPaths of the files that came in one archive with a plan.
    """

    file_name: str
    original_file_name: str
    file_type: str
    file_size: int
    upload_path: str
    access_url: str
    upload_time: int
    upload_date: str
    sha256: str
    preflight: PreflightView | None
    data_files: list[str] = Field(default_factory=list)

    @classmethod
    def of(cls, upload: Upload, preflight: PreflightReport | None, data_files: Sequence[Upload] = ()) -> "UploadView":
        return cls.model_construct(
            file_name=upload.file_name,
            original_file_name=upload.original_file_name,
            file_type=upload.file_name.rpartition(".")[2].lower(),
            file_size=upload.size,
            upload_path=upload.path,
            # ChaosBlade-Box's own pages put this one into contentRef.
            access_url=upload.path,
            upload_time=epoch_ms(upload.created_at),
            upload_date=iso_utc(upload.created_at),
            sha256=upload.sha256,
            preflight=None if preflight is None else PreflightView.of(preflight),
            data_files=[each.path for each in data_files],
        )
