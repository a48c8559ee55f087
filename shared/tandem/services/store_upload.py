"""Take a file from a user: look at it, store it, and only then know of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tandem.domain.clock import Clock, Ids
from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, ObjectStore, UnitOfWork
from tandem.domain.preflight_report import PreflightReport
from tandem.domain.upload import (
    FileNames,
    UnpackArchive,
    Upload,
    UploadKind,
    check_file_name,
    content_type_of,
    is_archive,
    plan_of,
)
from tandem.services.look_at_plan import LookAtPlan


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An upload and, for a test plan, what the preflight says of it and the data files that came with it."""

    upload: Upload
    preflight: PreflightReport | None
    data_files: tuple[Upload, ...] = ()


class StoreUpload:
    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        look: LookAtPlan,
        unpack: UnpackArchive,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._objects = objects
        self._look = look
        self._unpack = unpack
        self._clock = clock
        self._ids = ids

    def __call__(self, owner: Owner, kind: UploadKind, name: str, content: bytes) -> StoredUpload:
        """Store a file that was sent whole. Raises InvalidValue (InvalidTestPlan, TestPlanDenied), StorageUnavailable.

        A plan may come as an archive with its files (see ``is_archive``), which are then stored as data files.
        """
        if not content:
            raise InvalidValue("The file is empty.", [FieldFault("file", "is empty")])
        if kind is UploadKind.PLAN and is_archive(name):
            return self._archive(owner, content)
        names = check_file_name(name, kind)
        report = self._look([content], "file") if kind is UploadKind.PLAN else None
        upload = self._upload(owner, kind, names, content)
        self._store([(upload, content)])
        return StoredUpload(upload, report)

    def _archive(self, owner: Owner, content: bytes) -> StoredUpload:
        files = self._unpack(content, "file")
        plan = plan_of(files, "file")
        plan_names = check_file_name(plan.name, UploadKind.PLAN)
        beside = {}
        for file in files:
            if file is not plan:
                names = check_file_name(file.name, UploadKind.DATA)
                if names.original in beside:
                    message = f"holds two files named {names.original}: the plan could not tell them"
                    raise InvalidValue("The archive is refused.", [FieldFault("file", message)])
                beside[names.original] = (names, file.content)
        report = self._look([plan.content], "file", {name: content for name, (_, content) in beside.items()})
        upload = self._upload(owner, UploadKind.PLAN, plan_names, plan.content)
        data = [(self._upload(owner, UploadKind.DATA, names, content), content) for names, content in beside.values()]
        self._store([(upload, plan.content), *data])
        return StoredUpload(upload, report, tuple(each for each, _ in data))

    def _upload(self, owner: Owner, kind: UploadKind, names: FileNames, content: bytes) -> Upload:
        return Upload(
            upload_id=self._ids.new("upload_"),
            owner=owner,
            kind=kind,
            file_name=names.stored,
            original_file_name=names.original,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            created_at=self._clock.now(),
        )

    def _store(self, uploads: Sequence[tuple[Upload, bytes]]) -> None:
        """The objects go first: one without a row is harmless, and the daily clean-up removes it."""
        for upload, content in uploads:
            self._objects.put(upload.object_key, content, content_type_of(upload.kind, upload.file_name))

        def work(uow: UnitOfWork) -> None:
            for upload, _ in uploads:
                uow.uploads.add(upload)

        self._database.write(work)
