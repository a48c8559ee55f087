"""Uploaded files: who owns which."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from tandem.adapters.database import tables
from tandem.domain.identity import Owner
from tandem.domain.upload import Upload, UploadKind, split_path


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
        return self.get_many(owner, [upload_path]).get(upload_path)

    def get_many(self, owner: Owner, upload_paths: Collection[str]) -> dict[str, Upload]:
        """The owner's uploads among these paths, by path, in one statement."""
        return self._find(owner, upload_paths, lock=False)

    def lock_many(self, owner: Owner, upload_paths: Collection[str]) -> dict[str, Upload]:
        """As ``get_many``, held until the transaction ends."""
        return self._find(owner, upload_paths, lock=True)

    def _find(self, owner: Owner, upload_paths: Collection[str], *, lock: bool) -> dict[str, Upload]:
        parts = (split_path(path) for path in upload_paths)
        wanted = [found[0] for found in parts if found is not None]
        if not wanted:
            return {}
        table = tables.upload
        query = select(table).where(
            table.c.upload_id.in_(wanted),
            table.c.user_id == owner.user_id,
            table.c.namespace == owner.namespace,
        )
        # Always in the same order, so that nobody waits for each other.
        rows = self._connection.execute(query.order_by(table.c.id).with_for_update() if lock else query)
        present = {upload.path: upload for upload in map(_upload, rows)}
        # Both id and name have to be right.
        return {path: present[path] for path in upload_paths if path in present}


def _upload(row: Row[Any]) -> Upload:
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
