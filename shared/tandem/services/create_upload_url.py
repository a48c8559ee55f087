"""Let a user send a large file to the store itself."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem.domain.clock import Clock, Ids
from tandem.domain.identity import Owner
from tandem.domain.ports import ObjectStore
from tandem.domain.upload import SignedUpload, Upload, check_file_name, kind_of, owner_label

URL_SECONDS = 900


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """What to send where until when; ``upload_path`` then goes to CompleteUpload."""

    request: SignedUpload
    upload_path: str
    expires_at: datetime


class CreateUploadUrl:
    """Nothing is written: owner, size and name are signed into the request and stand beside the object later."""

    def __init__(self, objects: ObjectStore, clock: Clock, ids: Ids) -> None:
        self._objects = objects
        self._clock = clock
        self._ids = ids

    def __call__(self, owner: Owner, name: str, size: int, sha256: str | None) -> UploadTicket:
        """Raises InvalidValue for a name that is none."""
        kind = kind_of(name)
        names = check_file_name(name, kind, "fileName")
        now = self._clock.now()
        upload = Upload(
            upload_id=self._ids.new("upload_"),
            owner=owner,
            kind=kind,
            file_name=names.stored,
            original_file_name=names.original,
            size=size,
            sha256=sha256 or "",
            created_at=now,
        )
        labels = {
            "owner": owner_label(owner),
            "size": str(size),
            "sha256": upload.sha256,
            "name": base64.urlsafe_b64encode(names.original.encode()).decode(),
        }
        request = self._objects.sign_upload(
            upload.incoming_key, size, sha256, {key: value for key, value in labels.items() if value}, URL_SECONDS
        )
        return UploadTicket(request, upload.path, now + timedelta(seconds=URL_SECONDS))
