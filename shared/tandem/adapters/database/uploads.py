"""Uploaded files: who owns which."""

from sqlalchemy import Connection, insert, select

from tandem.adapters.database import tables
from tandem.domain.definition import UPLOAD_SCHEME
from tandem.domain.identity import Owner
from tandem.domain.upload import Upload, UploadKind


class SqlUploads:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, upload: Upload) -> None:
        self._connection.execute(
            insert(tables.upload).values(
                gmt_create=upload.created_at,
                upload_id=upload.upload_id,
                user_id=upload.owner.user_id,
                namespace=upload.owner.namespace,
                kind=upload.kind,
                file_name=upload.file_name,
                original_file_name=upload.original_file_name,
                size=upload.size,
                sha256=upload.sha256,
            )
        )

    def get(self, owner: Owner, upload_path: str) -> Upload | None:
        """The upload at ``tandem://uploads/<id>/<name>``, if it is the owner's."""
        upload_id, _, file_name = upload_path.removeprefix(UPLOAD_SCHEME).partition("/")
        table = tables.upload
        row = self._connection.execute(
            select(table).where(
                table.c.upload_id == upload_id,
                table.c.user_id == owner.user_id,
                table.c.namespace == owner.namespace,
            )
        ).one_or_none()
        if row is None or row.file_name != file_name:
            return None
        return Upload(
            upload_id=row.upload_id,
            owner=Owner(row.user_id, row.namespace),
            kind=UploadKind(row.kind),
            file_name=row.file_name,
            original_file_name=row.original_file_name,
            size=row.size,
            sha256=row.sha256,
            created_at=row.gmt_create,
        )
