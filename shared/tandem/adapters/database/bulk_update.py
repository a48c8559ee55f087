"""Many rows changed by one statement: its text depends on the columns alone, and all values go in one parameter.

The rows travel as one JSON document that the server joins to the table: one round trip and one parse for 1,000 rows,
where an executemany is a round trip for each row.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Integer, SmallInteger, Table
from sqlalchemy.types import Boolean

from tandem.adapters.database.tables import UtcDateTime

MOST_ROWS = 1_000
"""In one statement: some 300 KB of parameters at the worst, far below any ``max_allowed_packet``."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BulkUpdate:
    """``key`` finds the row, by the unique index ``index``; the guards must hold for it, or it stays as it is.

    A guard on a column of the rows' own is a compare-and-set: ``guarded`` names a column and the value's name.
    """

    table: Table
    key: str
    index: str
    guarded: tuple[tuple[str, str], ...] = ()
    condition: str = "1 = 1"

    @property
    def names_of_the_row(self) -> set[str]:
        """What finds a row, and is never written."""
        return {self.key, *(name for _, name in self.guarded)}

    def __call__(self, connection: Connection, rows: Sequence[Values], columns: Sequence[str]) -> int:
        """Set these columns of the rows and return how many rows were found. Each row has the key and the guards."""
        statement = _statement(self, tuple(columns), connection.dialect.name)
        fields = [(self.key, self.table.c[self.key])]
        fields += [(name, self.table.c[column]) for column, name in self.guarded]
        fields += [(name, self.table.c[name]) for name in columns]
        found = 0
        for first in range(0, len(rows), MOST_ROWS):
            batch = [_sent(fields, row) for row in rows[first : first + MOST_ROWS]]
            document = json.dumps(batch, ensure_ascii=False, separators=(",", ":"))
            found += connection.exec_driver_sql(statement, (document,)).rowcount
        return found


@cache
def _statement(update: BulkUpdate, columns: tuple[str, ...], dialect: str) -> str:
    return _write_sqlite(update, columns) if dialect == "sqlite" else _write_mysql(update, columns)


def _write_mysql(update: BulkUpdate, columns: tuple[str, ...]) -> str:
    """Without STRAIGHT_JOIN a small table would be scanned, and rows that others hold be waited for.

    Nothing is asked of JSON_TABLE in which MySQL and MariaDB could differ: it gives numbers and texts, a value that is
    absent is NULL in both, and a text becomes a date where it is assigned, as in any other statement.
    """
    key: Any = update.table.c[update.key].type
    kinds = [f"VARCHAR({key.length})"]
    kinds += [_mysql_type(update.table.c[name]) for name in (*[column for column, _ in update.guarded], *columns)]
    given = ", ".join(f"v{at} {kind} PATH '$.v{at}' NULL ON EMPTY ERROR ON ERROR" for at, kind in enumerate(kinds))
    changes, guards = _parts(update, columns, lambda at: f"c.v{at}", "r.")
    table = f"{update.table.name} AS r FORCE INDEX ({update.index}) ON r.{update.key} = c.v0"
    source = f"JSON_TABLE(%s, '$[*]' COLUMNS ({given})) AS c"
    return f"UPDATE {source} STRAIGHT_JOIN {table} SET {changes} WHERE {update.condition}{guards}"  # noqa: S608 - our own names


def _write_sqlite(update: BulkUpdate, columns: tuple[str, ...]) -> str:
    changes, guards = _parts(update, columns, lambda at: f"json_extract(c.value, '$.v{at}')", "")
    found = f"r.{update.key} = json_extract(c.value, '$.v0') AND {update.condition}{guards}"
    return f"UPDATE {update.table.name} AS r SET {changes} FROM json_each(?) AS c WHERE {found}"  # noqa: S608 - our own names


def _parts(update: BulkUpdate, columns: tuple[str, ...], given: Callable[[int], str], alias: str) -> tuple[str, str]:
    """What is set, and the guards. The values stand in the order of key, guards, columns."""
    guards = "".join(f" AND r.{column} = {given(at)}" for at, (column, _) in enumerate(update.guarded, 1))
    first = 1 + len(update.guarded)
    return ", ".join(f"{alias}{name} = {given(at)}" for at, name in enumerate(columns, first)), guards


def _mysql_type(column: Column[Any]) -> str:
    """Wide enough that a value that is too long fails at the table's own column, as in any other statement."""
    return "BIGINT" if isinstance(column.type, Integer | SmallInteger | Boolean) else "LONGTEXT"


def _sent(fields: Sequence[tuple[str, Column[Any]]], row: Values) -> dict[str, Any]:
    """A row as it travels: what is None stays away."""
    return {f"v{at}": _plain(column, row[name]) for at, (name, column) in enumerate(fields) if row[name] is not None}


def _plain(column: Column[Any], value: Any) -> Any:
    if isinstance(value, datetime) and isinstance(column.type, UtcDateTime):
        return column.type.stored(value).isoformat(" ", "microseconds")
    return int(value) if isinstance(value, bool) else value
