"""Take a file from a user: look at it, store it, and only then know of it."""

import hashlib
from dataclasses import dataclass

from tandem.domain.clock import Clock, Ids
from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, ObjectStore
from tandem.domain.preflight_report import PreflightReport
from tandem.domain.upload import Upload, UploadKind, check_file_name, content_type_of
from tandem.services.look_at_plan import LookAtPlan


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An upload and, for a test plan, what the preflight says of it."""

    upload: Upload
    preflight: PreflightReport | None


class StoreUpload:
    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        look: LookAtPlan,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._objects = objects
        self._look = look
        self._clock = clock
        self._ids = ids

    def __call__(self, owner: Owner, kind: UploadKind, name: str, content: bytes) -> StoredUpload:
        """Store a file that was sent whole. Raises InvalidValue (InvalidTestPlan, TestPlanDenied), StorageUnavailable.

        The object goes first: one without a row is harmless, and the daily clean-up removes it.
        """
        names = check_file_name(name, kind)
        report = None
        if not content:
            raise InvalidValue("The file is empty.", [FieldFault("file", "is empty")])
        if kind is UploadKind.PLAN:
            report = self._look([content], "file")
        upload = Upload(
            upload_id=self._ids.new("upload_"),
            owner=owner,
            kind=kind,
            file_name=names.stored,
            original_file_name=names.original,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            created_at=self._clock.now(),
        )
        self._objects.put(upload.object_key, content, content_type_of(kind, upload.file_name))
        self._database.write(lambda uow: uow.uploads.add(upload))
        return StoredUpload(upload, report)
