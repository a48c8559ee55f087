"""Parameters and view of a file that will be sent to the store itself."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from tandem.domain.upload import SignedUpload
from tandem.rest.parameters import Document, Parameters, Text, Whole
from tandem.rest.views import Moment

MAX_UPLOAD_BYTES = 500 * 1024 * 1024
"""What the engine takes (engine-api.md)."""


class UploadAnnouncement(Parameters):
    """A file that will be sent to the store itself."""

    file_name: Annotated[
        Text, Field(min_length=1, max_length=255, description="A test plan (.jmx) or a data file, by its extension.")
    ]
    file_size: Annotated[Whole, Field(ge=1, le=MAX_UPLOAD_BYTES, description="Bytes.")]
    sha256: Annotated[Text, StringConstraints(pattern=r"^[0-9a-f]{64}$", to_lower=True)] | None = None


class TicketView(Document):
    """Send the file with ``method`` and exactly these ``headers`` to ``uploadUrl``, then call CompleteUpload."""

    upload_url: str
    method: str
    headers: dict[str, str]
    upload_path: str
    expires_at: Moment

    @classmethod
    def of(cls, request: SignedUpload, upload_path: str, expires_at: datetime) -> "TicketView":
        return cls.model_construct(
            upload_url=request.url,
            method=request.method,
            headers=dict(request.headers),
            upload_path=upload_path,
            expires_at=expires_at,
        )
