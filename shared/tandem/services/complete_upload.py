"""Take over a file that a user sent to the store itself: look at it first, then know of it."""

import base64
import hashlib
from collections.abc import Iterable, Iterator

from tandem.domain.clock import Clock
from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, ObjectStore, UnitOfWork
from tandem.domain.preflight_report import PreflightReport
from tandem.domain.upload import StoredObject, Upload, UploadKind, UploadMissing, kind_of, owner_label, split_path
from tandem.services.look_at_plan import LookAtPlan
from tandem.services.store_upload import StoredUpload

FIELD = "uploadPath"


class CompleteUpload:
    """Safe to repeat. What was looked at is copied away from where the user's signed request can still write."""

    def __init__(self, database: Database, objects: ObjectStore, look: LookAtPlan, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._look = look
        self._clock = clock

    def __call__(self, owner: Owner, upload_path: str) -> StoredUpload:
        """The upload. Raises UploadMissing (somebody else's too), UploadChanged, InvalidValue, StorageUnavailable."""
        known = self._database.read(lambda uow: uow.uploads.get(owner, upload_path))
        if known is not None:
            content = _Digested(self._objects.read(known.object_key))
            return StoredUpload(known, self._report(known, content))
        pending, found = self._pending(owner, upload_path)
        content = _Digested(self._objects.read(pending.incoming_key, found.version))
        report = self._report(pending, content)
        content.read_rest()
        upload = _checked(pending, found, content)
        self._objects.copy(upload.incoming_key, found.version, upload.object_key)

        def work(uow: UnitOfWork) -> None:
            if uow.uploads.get(owner, upload_path) is None:
                uow.uploads.add(upload)

        self._database.write(work)
        return StoredUpload(upload, report)

    def _pending(self, owner: Owner, upload_path: str) -> tuple[Upload, StoredObject]:
        parts = split_path(upload_path)
        if parts is None:
            raise UploadMissing(f"There is no upload {upload_path!r}.")
        upload_id, file_name = parts
        pending = Upload(
            upload_id=upload_id,
            owner=owner,
            kind=kind_of(file_name),
            file_name=file_name,
            original_file_name=file_name,
            size=0,
            sha256="",
            created_at=self._clock.now(),
        )
        found = self._objects.describe(pending.incoming_key)
        if found is None or found.labels.get("owner") != owner_label(owner):
            raise UploadMissing(f"There is no upload {upload_path!r}, or its file has not been sent yet.")
        return pending, found

    def _report(self, upload: Upload, content: Iterable[bytes]) -> PreflightReport | None:
        return None if upload.kind is UploadKind.DATA else self._look(content, FIELD)


class _Digested:
    """Pieces that are counted and hashed as they go by."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._hash = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._hash.update(piece)
            self.size += len(piece)
            yield piece

    def read_rest(self) -> None:
        """Go through what nobody asked for."""
        for _ in self:
            continue

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def _checked(pending: Upload, found: StoredObject, content: _Digested) -> Upload:
    """The upload with what was found; raises InvalidValue when it is not what was announced."""
    faults = []
    if found.labels.get("size") != str(content.size):
        faults.append(FieldFault(FIELD, f"has {content.size} bytes; {found.labels.get('size')} were announced"))
    announced = found.labels.get("sha256", content.sha256)
    if announced != content.sha256:
        faults.append(FieldFault(FIELD, f"has the SHA-256 {content.sha256}; {announced} was announced"))
    if faults:
        raise InvalidValue("The file is not the one that was announced.", faults)
    return Upload(
        upload_id=pending.upload_id,
        owner=pending.owner,
        kind=pending.kind,
        file_name=pending.file_name,
        original_file_name=base64.urlsafe_b64decode(found.labels.get("name", "")).decode() or pending.file_name,
        size=content.size,
        sha256=content.sha256,
        created_at=pending.created_at,
    )
