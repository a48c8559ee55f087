"""The least that the same sweep can cost: the same bytes from and to engine and database, and no care for anything.

A raw asyncio client on 100 connections, hand-written SQL through the bare driver. No deadline, no lost answer, no 404,
no half-dead engine, no race with somebody else; each ended execution ends its task.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tandem.adapters.database.tables import run, task

from bench.sweep_tasks.reference import connect

CONNECTIONS = 100
_ROWS_A_STATEMENT = 500
_RUN, _TASK = "t_chaos_load_test_run", "t_chaos_load_test_task"
# A row as one JSON text: the driver, written in Python, pays for each column that it reads.
_WHOLE = ", ".join([*(f"r.{column.name}" for column in run.c), *(f"t.{column.name}" for column in task.c)])
_READ = f"SELECT JSON_ARRAY({_WHOLE}) FROM {_RUN} r JOIN {_TASK} t ON t.task_id = r.task_id"
# What a sweep has to know of a run that goes on.
_SHORT = (
    "r.experiment_task_id, t.task_id, t.status, t.execution_id, r.gmt_create, r.workflow_arn, r.deadline, "
    "r.window_opened_at, r.abort_requested_at, r.stop_requested_at, r.stop_confirmed_at, r.finished_at, "
    "r.missing_sweeps"
)
_ACTIVE = (
    f"SELECT JSON_ARRAY({_SHORT}) FROM {_RUN} r JOIN {_TASK} t ON t.task_id = r.task_id "
    "WHERE r.settled = 0 ORDER BY r.id"
)
_NAMES = [name.partition(".")[2] for name in _SHORT.split(", ")]

Row = dict[str, Any]


def make_sweep(database_url: str, engine_url: str) -> Callable[[], tuple[int, int, int]]:
    """One sweep; it answers as ours does (ours.py)."""
    database = connect(database_url)
    address = urlsplit(engine_url)
    host, port = address.hostname or "", address.port or 80

    def sweep() -> tuple[int, int, int]:
        with database.cursor() as cursor:
            cursor.execute(_ACTIVE)
            rows: list[Row] = [dict(zip(_NAMES, json.loads(text), strict=True)) for (text,) in cursor.fetchall()]
        database.commit()
        states = asyncio.run(_ask(host, port, [row["execution_id"] for row in rows]))
        over = [row for row in rows if states[row["execution_id"]]["status"] == "COMPLETED"]
        for begin in range(0, len(over), _ROWS_A_STATEMENT):
            _end(database, over[begin : begin + _ROWS_A_STATEMENT], states)
        return len(rows), len(over), 2 * -(-len(over) // _ROWS_A_STATEMENT)

    return sweep


def _end(database: Any, rows: Sequence[Row], states: dict[str, Row]) -> None:
    """Lock, end, tell, and take out of the outbox again: eight statements."""
    ids = [row["task_id"] for row in rows]
    holes = ", ".join(["%s"] * len(ids))
    with database.cursor() as cursor:
        cursor.execute(f"{_READ} WHERE r.task_id IN ({holes}) FOR UPDATE", ids)
        for (text,) in cursor.fetchall():
            json.loads(text)
        news = " UNION ALL ".join(["SELECT %s AS id, %s AS path"] * len(ids))
        told = [value for row in rows for value in (row["task_id"], states[row["execution_id"]]["resultPath"])]
        cursor.execute(
            f"UPDATE {_TASK} t JOIN ({news}) n ON n.id = t.task_id "
            "SET t.status = 'SUCCEEDED', t.end_time = NOW(), t.gmt_modified = NOW(), t.result_path = n.path "
            "WHERE t.status IN ('PENDING', 'RUNNING') AND t.is_delete = 0",
            told,
        )
        cursor.execute(f"UPDATE {_RUN} SET settled = 1 WHERE task_id IN ({holes})", ids)
        now = datetime.now(UTC).replace(tzinfo=None)
        # PyMySQL makes one statement of many rows where every value is a parameter.
        cursor.executemany(
            "INSERT INTO t_chaos_load_test_audit (task_id, at, kind, from_status, to_status, reason) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [(each, now, "TRANSITION", "RUNNING", "SUCCEEDED", "the load has ended") for each in ids],
        )
        body = '{"taskId": "%s", "from": "RUNNING", "to": "SUCCEEDED"}'
        cursor.executemany(
            "INSERT INTO t_chaos_load_test_outbox (channel, topic, body, gmt_create, due_at, attempts) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            [("EVENT", "LoadTestTaskStateChanged", body % each, now, now, 0) for each in ids],
        )
        database.commit()
        cursor.execute("SELECT * FROM t_chaos_load_test_outbox ORDER BY id")
        sent = [message[0] for message in cursor.fetchall()]
        cursor.execute(
            f"DELETE FROM t_chaos_load_test_outbox WHERE id IN ({', '.join(['%s'] * len(sent))})",
            sent,
        )
        database.commit()


async def _ask(host: str, port: int, wanted: Sequence[str]) -> dict[str, Row]:
    """What the engine says of each execution: its list first, then the others one by one, side by side."""
    states: dict[str, Row] = {}
    lister = await _Caller.open(host, port)
    states.update((each["executionId"], each) for each in await lister.get("/api/loadtest/list"))
    waiting = [each for each in wanted if each not in states]

    async def work(caller: _Caller) -> None:
        while waiting:
            execution_id = waiting.pop()
            states[execution_id] = await caller.get(f"/api/loadtest/status/{execution_id}")
        caller.close()

    more = await asyncio.gather(
        *(_Caller.open(host, port) for _ in range(min(CONNECTIONS, len(waiting)) - 1)),
    )
    await asyncio.gather(work(lister), *(work(each) for each in more))
    return states


class _Caller(asyncio.Protocol):
    """One connection, one call at a time, only what this engine's answers need of HTTP."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = bytearray()
        self._whole = 0
        self._answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, host: str, port: int) -> "_Caller":
        caller = cls()
        caller._transport, _ = await asyncio.get_running_loop().create_connection(lambda: caller, host, port)
        return caller

    async def get(self, path: str) -> Any:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(f"GET {path} HTTP/1.1\r\nHost: engine\r\n\r\n".encode())
        return await self._answer

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._whole and (head := self._received.find(b"\r\n\r\n")) >= 0:
            length = self._received.index(b"Content-Length: ") + 16
            self._whole = head + 4 + int(self._received[length : self._received.index(b"\r\n", length)])
        if self._whole and len(self._received) >= self._whole:
            body = bytes(self._received[self._received.index(b"\r\n\r\n") + 4 :])
            self._received.clear()
            self._whole = 0
            self._answer.set_result(json.loads(body)["data"])
