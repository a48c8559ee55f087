"""A ChaosBlade-Box over real HTTP: the few calls that the bridge makes, answered as its controllers do.

Written from the project's controllers and models (ExperimentTaskController, UserController, RestResponse,
PageQueryResponse, BaseExperimentTask, ActivityTask): POST under /chaos/, status 200 also for a no, a session cookie.
"""

import json
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

DENIED = "P-3001"
UNKNOWN = "P-3300"


@dataclass
class FakeTask:
    """An experiment task; times are in epoch ms. ``ignores_stop``: StopExperimentTask says yes and does nothing."""

    task_id: str
    experiment_id: str
    state: str = "RUNNING"
    result: str | None = None
    message: str | None = None
    activities: list[dict[str, Any]] = field(default_factory=list)
    ignores_stop: bool = False

    def finish(self, result: str, message: str | None = None) -> None:
        self.state, self.result, self.message = "FINISHED", result, message

    def basic(self) -> dict[str, Any]:
        return {
            "experimentName": "latency of the checkout",
            "experimentId": self.experiment_id,
            "taskId": self.task_id,
            "startTime": 1_790_000_000_000,
            "endTime": 1_790_000_060_000 if self.state == "FINISHED" else None,
            "state": self.state,
            "result": self.result,
            "message": self.message,
            "namespace": "default",
        }


class FakeBox:
    """Serves while it is entered. With a ``password`` it asks for a login; ``answer_with`` stands in for any answer."""

    def __init__(self, password: str | None = None) -> None:
        self.tasks: list[FakeTask] = []
        self.password = password
        self.answer_with: bytes | None = None
        self.calls: list[str] = []
        self._sessions = set[str]()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def begin(self, task: FakeTask) -> FakeTask:
        self.tasks.insert(0, task)
        return task

    def forget_sessions(self) -> None:
        self._sessions.clear()

    def answer(self, action: str, body: dict[str, Any], session: str) -> tuple[dict[str, Any], str | None]:
        """The envelope, and a session to set."""
        self.calls.append(action)
        if action == "UserLogin":
            if body.get("password") != self.password:
                return _no(DENIED, "user name or password is wrong"), None
            fresh = secrets.token_hex(16)
            self._sessions.add(fresh)
            return _yes({"userName": body.get("userName")}), fresh
        if self.password is not None and session not in self._sessions:
            return _no(DENIED, "login is missing"), None
        if action == "ExperimentTaskSummaryPageableQuery":
            found = [each.basic() for each in self.tasks if each.experiment_id == body["experimentId"]]
            page = found[: body["size"]]
            return _yes({"content": page, "total": len(found), "pages": 1, "pageSize": body["size"]}), None
        task = next((each for each in self.tasks if each.task_id == body.get("taskId")), None)
        if task is None:
            return _no(UNKNOWN, "experiment task not found"), None
        if action == "StopExperimentTask":
            if not task.ignores_stop:
                task.state = "STOPPING"
            return _yes(None), None
        return _yes(task.basic() | {"activities": task.activities, "permission": 7}), None


def _yes(result: Any) -> dict[str, Any]:
    return {"result": result, "success": True, "statusCode": 200, "code": None, "message": None, "requestId": "r-1"}


def _no(code: str, message: str) -> dict[str, Any]:
    return {"result": None, "success": False, "statusCode": 500, "code": code, "message": message, "requestId": "r-1"}


def _handler_of(box: FakeBox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            """Keep the test output clean."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            cookie = self.headers.get("Cookie", "").removeprefix("JSESSIONID=")
            envelope, fresh = box.answer(self.path.removeprefix("/chaos/"), body, cookie)
            content = json.dumps(envelope).encode() if box.answer_with is None else box.answer_with
            self.send_response(200)
            if fresh is not None:
                self.send_header("Set-Cookie", f"JSESSIONID={fresh}; Path=/; HttpOnly")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
