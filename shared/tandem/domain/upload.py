"""A file that a user gave us: a test plan or a data file."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tandem.domain.definition import UPLOAD_SCHEME
from tandem.domain.errors import AppError, NotFound
from tandem.domain.identity import Owner


class UploadKind(StrEnum):
    PLAN = "PLAN"
    DATA = "DATA"


class UploadMissing(NotFound):
    """The upload is registered, but its content is gone."""

    code = "UPLOAD_NOT_FOUND"


class StorageUnavailable(AppError):
    code = "STORAGE_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Upload:
    """``size`` is in bytes. ``path`` is what ``contentRef`` and ``dataFiles`` take."""

    upload_id: str
    owner: Owner
    kind: UploadKind
    file_name: str
    original_file_name: str
    size: int
    sha256: str
    created_at: datetime

    @property
    def path(self) -> str:
        return f"{UPLOAD_SCHEME}{self.upload_id}/{self.file_name}"

    @property
    def object_key(self) -> str:
        """Where the content lies in the object store."""
        return f"uploads/{self.upload_id}/{self.file_name}"
