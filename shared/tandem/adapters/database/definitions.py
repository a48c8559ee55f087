"""Definitions; a deleted one stays as a row whose ``live`` is NULL."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from tandem.adapters.database import tables
from tandem.adapters.database.documents import PREFLIGHT, URL_CASE, to_json
from tandem.domain.definition import EngineType, Entry, LoadTestDefinition
from tandem.domain.identity import Owner
from tandem.domain.paging import Page, PageRequest
from tandem.domain.ports import DefinitionFilter


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

    def page(self, owner: Owner, wanted: DefinitionFilter, page: PageRequest) -> Page[LoadTestDefinition]:
        """One page of an owner's definitions, newest first, in two statements."""
        table = tables.definition
        conditions = [table.c.user_id == owner.user_id, table.c.namespace == owner.namespace, table.c.live == 1]
        if wanted.name_part is not None:
            # INSTR and not LIKE: nothing to escape, and SQLite's LIKE would not tell A from a.
            conditions.append(func.instr(table.c.name, wanted.name_part) > 0)
        if wanted.entry is not None:
            conditions.append(table.c.entry == wanted.entry)
        if wanted.engine_type is not None:
            conditions.append(table.c.engine_type == wanted.engine_type)
        total = self._connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
        rows = self._connection.execute(
            select(table).where(*conditions).order_by(table.c.id.desc()).limit(page.size).offset(page.offset)
        )
        return Page(page, total, [_definition(row) for row in rows])

    def save(self, definition: LoadTestDefinition) -> None:
        self._change(definition.definition_id, _content(definition))

    def delete(self, definition_id: str, now: datetime) -> None:
        self._change(definition_id, {"gmt_modified": now, "live": None})

    def _change(self, definition_id: str, values: dict[str, Any]) -> None:
        table = tables.definition
        self._connection.execute(
            update(table).where(table.c.definition_id == definition_id, table.c.live == 1).values(**values)
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
        "preflight": None if definition.preflight is None else PREFLIGHT.dump_json(definition.preflight).decode(),
        "respect_loops": definition.respect_loops,
        "set_up_limit_sec": definition.set_up_limit_sec,
        "tear_down_limit_sec": definition.tear_down_limit_sec,
        "sub_results": definition.sub_results,
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
        preflight=None if row.preflight is None else PREFLIGHT.validate_json(row.preflight),
        respect_loops=row.respect_loops,
        set_up_limit_sec=row.set_up_limit_sec,
        tear_down_limit_sec=row.tear_down_limit_sec,
        sub_results=row.sub_results,
    )
