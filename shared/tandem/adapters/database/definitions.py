"""Definitions; a deleted one stays as a row whose ``live`` is NULL."""

import json
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from tandem.adapters.database import tables
from tandem.adapters.database.documents import URL_CASE, to_json
from tandem.domain.definition import EngineType, Entry, LoadTestDefinition
from tandem.domain.identity import Owner


class SqlDefinitions:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, definition: LoadTestDefinition) -> None:
        values = {
            "definition_id": definition.definition_id,
            "user_id": definition.owner.user_id,
            "namespace": definition.owner.namespace,
            "created_by": definition.created_by,
            "gmt_create": definition.created_at,
            "live": 1,
        }
        self._connection.execute(insert(tables.definition).values(**values, **_content(definition)))

    def get(self, owner: Owner, definition_id: str) -> LoadTestDefinition | None:
        return self._one(_live(owner, definition_id))

    def lock(self, owner: Owner, definition_id: str) -> LoadTestDefinition | None:
        """As ``get``, and nobody deletes or changes it before this transaction ends."""
        return self._one(_live(owner, definition_id).with_for_update())

    def named(self, owner: Owner, name: str) -> LoadTestDefinition | None:
        """The live definition of that exact name."""
        table = tables.definition
        return self._one(
            select(table).where(
                table.c.user_id == owner.user_id,
                table.c.namespace == owner.namespace,
                table.c.name == name,
                table.c.live == 1,
            )
        )

    def _one(self, query: Select[Any]) -> LoadTestDefinition | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _definition(row)


def _live(owner: Owner, definition_id: str) -> Select[Any]:
    table = tables.definition
    return select(table).where(
        table.c.definition_id == definition_id,
        table.c.user_id == owner.user_id,
        table.c.namespace == owner.namespace,
        table.c.live == 1,
    )


def _content(definition: LoadTestDefinition) -> dict[str, Any]:
    """The columns that an update may change."""
    url_case = None if definition.url_case is None else URL_CASE.dump_json(definition.url_case).decode()
    return {
        "gmt_modified": definition.updated_at,
        "name": definition.name,
        "engine_type": definition.engine_type,
        "endpoint": definition.endpoint,
        "entry": definition.entry,
        "content_ref": definition.content_ref,
        "url_case": url_case,
        "threads": definition.threads,
        "ramp_up": definition.ramp_up,
        "loops": definition.loops,
        "heap_size": definition.heap_size,
        "properties": to_json(dict(definition.properties)),
        "data_files": to_json(list(definition.data_files)),
    }


def _definition(row: Row[Any]) -> LoadTestDefinition:
    return LoadTestDefinition(
        definition_id=row.definition_id,
        owner=Owner(row.user_id, row.namespace),
        name=row.name,
        endpoint=row.endpoint,
        entry=Entry(row.entry),
        created_by=row.created_by,
        created_at=row.gmt_create,
        updated_at=row.gmt_modified,
        engine_type=EngineType(row.engine_type),
        content_ref=row.content_ref,
        url_case=None if row.url_case is None else URL_CASE.validate_json(row.url_case),
        threads=row.threads,
        ramp_up=row.ramp_up,
        loops=row.loops,
        heap_size=row.heap_size,
        properties=json.loads(row.properties),
        data_files=tuple(json.loads(row.data_files)),
    )
