"""The algorithm that one writes first: the whole table, then for each active task a call and three statements."""

import http.client
import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pymysql
from sqlalchemy.engine import make_url

_READ_AGAIN = "SELECT * FROM t_chaos_load_test_task WHERE task_id = %s"
_WRITE = "UPDATE t_chaos_load_test_task SET status = %s, gmt_modified = NOW() WHERE task_id = %s"
_STATUS = {"COMPLETED": "SUCCEEDED"}


def connect(database_url: str) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """A plain connection of the driver."""
    url = make_url(database_url)
    return pymysql.connect(
        host=url.host, port=url.port or 3306, user=url.username, database=url.database, charset="utf8mb4"
    )


def make_sweep(database_url: str, engine_url: str) -> Callable[[], tuple[int, int, int]]:
    """One sweep; it answers as ours does (ours.py)."""
    database = connect(database_url)
    database.autocommit(True)
    address = urlsplit(engine_url)

    def sweep() -> tuple[int, int, int]:
        engine = http.client.HTTPConnection(address.hostname or "", address.port)
        looked_at = changed = 0
        with database.cursor() as cursor:
            cursor.execute("SELECT task_id, status, execution_id, t.* FROM t_chaos_load_test_task t")
            for task_id, status, execution_id, *_ in cursor.fetchall():
                if status in {"PENDING", "RUNNING"}:
                    looked_at += 1
                    engine.request("GET", f"/api/loadtest/status/{execution_id}")
                    told = json.loads(engine.getresponse().read())["data"]["status"]
                    cursor.execute(_READ_AGAIN, (task_id,))
                    cursor.execute(_WRITE, (_STATUS.get(told, told), task_id))
                    cursor.execute(_READ_AGAIN, (task_id,))
                    changed += told in _STATUS
        engine.close()
        return looked_at, changed, 0

    return sweep
