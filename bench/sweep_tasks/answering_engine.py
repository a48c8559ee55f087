"""An engine that knows every execution and answers each call after the same time; in a process of its own.

Its answers are made before it listens: what is measured is its caller.
"""

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

LISTED = 500
"""How many runs the list holds at most (engine-api.md)."""


def execution_id(number: int) -> str:
    """The execution of the task with this number, counted from 1."""
    return f"{number:08x}"


def has_ended(number: int, ended_of_ten: int) -> bool:
    """Whether the engine says that this execution is over: so many of any ten neighbours."""
    return number % 10 < ended_of_ten


@contextmanager
def answering_engine(tasks: int, ended_of_ten: int, answer_seconds: float) -> Iterator[str]:
    """The base URL of an engine on which the executions 1 to ``tasks`` run, or have ended."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, tasks, ended_of_ten, answer_seconds), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()
        ours.close()


def _serve(pipe: Connection, tasks: int, ended_of_ten: int, answer_seconds: float) -> None:
    asyncio.run(_serve_forever(pipe, tasks, ended_of_ten, answer_seconds))


async def _serve_forever(pipe: Connection, tasks: int, ended_of_ten: int, answer_seconds: float) -> None:
    documents = {execution_id(number): _run(number, ended_of_ten) for number in range(1, tasks + 1)}
    answers = {f"/api/loadtest/status/{key}".encode(): _answer(each) for key, each in documents.items()}
    answers[b"/api/loadtest/list"] = _answer(list(documents.values())[::-1][:LISTED])
    server = await asyncio.get_running_loop().create_server(
        lambda: _Caller(answers, answer_seconds), "127.0.0.1", 0, backlog=1024
    )
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class _Caller(asyncio.Protocol):
    """One kept connection; one call at a time on it, as HTTP clients do."""

    def __init__(self, answers: dict[bytes, bytes], answer_seconds: float) -> None:
        self._answers = answers
        self._answer_seconds = answer_seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"\r\n\r\n"):
            path = self._received.split(b" ", 2)[1]
            self._received = b""
            asyncio.get_running_loop().call_later(self._answer_seconds, self._send, self._answers.get(path, _UNKNOWN))

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _run(number: int, ended_of_ten: int) -> dict[str, object]:
    ended = has_ended(number, ended_of_ten)
    key = execution_id(number)
    return {
        "executionId": key,
        "testName": f"tandem ldtask_active-{number}",
        "description": "",
        "testPlanPath": "uploads/testplans/checkout_20260102_120000_0a1b2c3d.jmx",
        "containerId": None,
        "containerName": None,
        "status": "COMPLETED" if ended else "RUNNING",
        "startTime": "2026-01-02T12:00:00.123",
        "endTime": "2026-01-02T12:10:00.456" if ended else None,
        "resultPath": f"results/{key}/results.jtl",
        "reportPath": f"reports/{key}",
        "logPath": f"results/{key}/jmeter.log",
        "parameters": {"threads": 10, "loops": 1, "rampUp": 5, "duration": 600},
        "errorMessage": None,
    }


def _answer(data: object, status: str = "200 OK") -> bytes:
    body = json.dumps({"success": status.startswith("200"), "message": None, "data": data, "error": None}).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_UNKNOWN = _answer(None, "404 Not Found")
