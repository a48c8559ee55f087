"""Rows that travel as one JSON text each. The driver is written in Python and pays for every column of every row: a
sweep over 1,000 runs spent a third of its processor time there. The server writes the text, and C reads it.

MySQL, MariaDB and SQLite agree on what is used of JSON_ARRAY: NULL, texts, whole numbers and times. How many digits
stand behind a time's second differs, and is all the same to ``fromisoformat``.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Select, Text, func
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import Boolean

from tandem.adapters.database.tables import UtcDateTime


class RowDocument:
    """The columns of one row, by the names that they are wanted under, as one column of a query."""

    def __init__(self, columns: Mapping[str, Column[Any]]) -> None:
        self._names = list(columns)
        read = [(at, _reader(column)) for at, column in enumerate(columns.values())]
        self._readers = [(at, reader) for at, reader in read if reader is not None]
        self.column: ColumnElement[str] = func.json_array(*columns.values(), type_=Text)

    def values(self, connection: Connection, query: Select[str]) -> Iterator[list[Any]]:
        """The rows of a query of ``column`` alone: their values as Python has them, in the order of the columns."""
        for document in connection.execute(query).scalars():
            row: list[Any] = json.loads(document)
            for at, read in self._readers:
                value = row[at]
                if value is not None:
                    row[at] = read(value)
            yield row

    def rows(self, connection: Connection, query: Select[str]) -> Iterator[dict[str, Any]]:
        """The same rows, their values by name."""
        return (dict(zip(self._names, row, strict=True)) for row in self.values(connection, query))


def _reader(column: Column[Any]) -> Callable[[Any], Any] | None:
    """How JSON's value becomes the column's; None where it is the same. Raises TypeError for an unknown kind."""
    if isinstance(column.type, UtcDateTime):
        return _moment
    if isinstance(column.type, Boolean):
        return bool
    if column.type.python_type not in {str, int}:
        raise TypeError(f"nobody has thought of how JSON holds {column}")
    return None


def _moment(text: str) -> datetime:
    """A time of the database, which is UTC and does not say so."""
    return datetime.fromisoformat(f"{text}+00:00")
