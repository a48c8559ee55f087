"""Handlers that do the least: import what the function needs, and for GetLoadTestTask send its one query."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from local.emulator import BuiltFunction
from tests.architecture.function_libraries import imports_of

_IDLE = """{imports}

def handler(event, context):
    return {{}}
"""
_QUERYING = """import json
import pymysql

database = pymysql.connect(host={host!r}, port={port}, user={user!r}, database={name!r}, autocommit=True)
QUERY = {query!r}

def handler(event, context):
    with database.cursor() as cursor:
        cursor.execute(QUERY, {values!r})
        row = cursor.fetchone()
    return {{"statusCode": 200, "body": json.dumps({{"found": row is not None}})}}
"""


def idle_function(like: BuiltFunction, libraries: frozenset[str], directory: Path) -> BuiltFunction:
    """A function with the layers of another but for our own code; it imports these libraries and does nothing."""
    return _function(like, _IDLE.format(imports=imports_of(libraries)), directory)


def querying_function(
    like: BuiltFunction, database_url: str, query: str, values: Mapping[str, Any], directory: Path
) -> BuiltFunction:
    """A function that keeps a connection and sends one query for each call."""
    url = make_url(database_url)
    code = _QUERYING.format(
        host=url.host, port=url.port, user=url.username, name=url.database, query=query, values=dict(values)
    )
    return _function(like, code, directory)


def _function(like: BuiltFunction, code: str, directory: Path) -> BuiltFunction:
    directory.mkdir()
    (directory / "floor.py").write_text(code, encoding="utf-8")
    layers = tuple(layer for layer in like.layers if layer.name != "TandemLayer")
    return replace(like, handler="floor.handler", code=directory, layers=layers)
