"""A ChaosBlade-Box over real HTTP: the few calls that the bridge makes, answered as its source says.

Written anew from what the source does (ExperimentTaskController, UserController, CloudLoginUserResolver,
UserPermissionServiceImpl, ExperimentTaskFinishedCommand, ActivityTaskQueryCommand, StateEnum, ResultEnum):

- POST under /chaos/, a session cookie that Tomcat forgets after 30 idle minutes or a restart.
- Listing an experiment's tasks needs no session and no permission; a task's details and its stop need both.
- An exception of a controller is HTTP 500 with Spring Boot's error document: no session, no permission, an unknown
  task (permission is checked before existence), a wrong password. 200 with ``success: false`` is a service's own no.
- Members that are null are left out, as fastjson does.
- A task that a user stops is STOPPING, then FINISHED with SUCCESS; activities that had not run are REJECTED, and an
  activity that never ran shows its creation as its start.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SESSION_IDLE_SECONDS = 30 * 60
_DENIED = "com.alibaba.chaosblade.box.common.infrastructure.exception.PermissionDeniedException"
_CHAOS = "com.alibaba.chaosblade.box.common.infrastructure.exception.ChaosException"


@dataclass
class FakeTask:
    """An experiment task; times are in epoch ms.

    ``ignores_stop``: StopExperimentTask says yes and does nothing. ``of_another_user``: our login may not see it.
    """

    task_id: str
    experiment_id: str
    state: str = "RUNNING"
    result: str | None = None
    message: str | None = None
    activities: list[dict[str, Any]] = field(default_factory=list)
    ignores_stop: bool = False
    of_another_user: bool = False

    def finish(self, result: str, message: str | None = None) -> None:
        self.state, self.result, self.message = "FINISHED", result, message

    def end_after_stop(self) -> None:
        """End what a user stopped as a box does: everything that had not run REJECTED, and all in all SUCCESS."""
        for activity in self.activities:
            if activity.get("state") != "FINISHED":
                activity |= {"state": "FINISHED", "runResult": "REJECTED", "errorMessage": "演练结束"}
        self.finish("SUCCESS")

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


@dataclass
class Answer:
    """What goes over the wire: a status, a body (None: an error document without a text), and a session to set."""

    status: int
    body: dict[str, Any]
    session: str | None = None


class FakeBox:
    """Serves while it is entered.

    With a ``password`` it asks for a login; ``answer_with`` stands in for any answer. ``clock`` gives seconds.
    """

    def __init__(self, password: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.tasks: list[FakeTask] = []
        self.password = password
        self.broken_experiments = set[str]()
        """Experiments whose list ends in an exception."""
        self.answer_with: bytes | None = None
        self.calls: list[str] = []
        self._clock = clock
        self._sessions: dict[str, float] = {}
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

    def answer(self, action: str, body: dict[str, Any], session: str) -> Answer:
        self.calls.append(action)
        if action == "UserLogin":
            if body.get("password") != self.password:
                return _exception(action, _CHAOS, "账号密码错误，登录失败")
            fresh = secrets.token_hex(16)
            self._sessions[fresh] = self._clock()
            return Answer(200, _envelope({"userName": body.get("userName")}) | {"code": 200}, fresh)
        if action == "ExperimentTaskSummaryPageableQuery":
            if body["experimentId"] in self.broken_experiments:
                return _exception(action, "java.lang.NullPointerException", None)
            found = [each.basic() for each in self.tasks if each.experiment_id == body["experimentId"]]
            page = found[: body["size"]]
            return Answer(200, _envelope({"content": page, "total": len(found), "pages": 1, "pageSize": body["size"]}))
        if not self._keeps(session):
            return _exception(action, _DENIED, None)
        task = next((each for each in self.tasks if each.task_id == body.get("taskId")), None)
        if task is None or task.of_another_user:
            return _exception(action, _DENIED, "用户权限不足")
        if action == "StopExperimentTask":
            if task.state == "FINISHED":
                return Answer(200, _no("B_EXPERIMENT_TASK_ALREADY_FINISHED", "演练任务已经完结"))
            if not task.ignores_stop:
                task.state = "STOPPING"
            return Answer(200, _envelope(None))
        return Answer(200, _envelope(task.basic() | {"activities": task.activities, "permission": 7}))

    def _keeps(self, session: str) -> bool:
        """Whether the session is one; a call in it begins its idle time anew."""
        if self.password is None:
            return True
        used_at = self._sessions.get(session)
        if used_at is None or self._clock() - used_at > SESSION_IDLE_SECONDS:
            return False
        self._sessions[session] = self._clock()
        return True


def _envelope(result: Any) -> dict[str, Any]:
    return {"result": result, "success": True, "requestId": "r-1"}


def _no(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "code": code, "message": message, "requestId": "r-1"}


def _exception(action: str, exception: str, message: str | None) -> Answer:
    """Spring Boot 1.5's error document."""
    document = {"timestamp": 1_790_000_000_000, "status": 500, "error": "Internal Server Error", "exception": exception}
    return Answer(500, document | {"message": message or "No message available", "path": f"/chaos/{action}"})


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _handler_of(box: FakeBox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            """Keep the test output clean."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            cookie = self.headers.get("Cookie", "").removeprefix("JSESSIONID=")
            answer = box.answer(self.path.removeprefix("/chaos/"), body, cookie)
            content = json.dumps(_without_nulls(answer.body)).encode() if box.answer_with is None else box.answer_with
            self.send_response(answer.status)
            if answer.session is not None:
                self.send_header("Set-Cookie", f"JSESSIONID={answer.session}; Path=/chaos; HttpOnly")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
