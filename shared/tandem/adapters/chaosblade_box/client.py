"""``ChaosBladeBox`` over HTTP: POST of JSON under ``/chaos/`` and a session cookie.

A box says no in two ways. A service's own no is 200 with ``success: false``. An exception of its controllers (no
session, no permission, an unknown id, a wrong password) is HTTP 500 with the error document of Spring Boot: ``status``,
``error``, ``exception``, ``message``, ``path``. A session ends after 30 minutes without a call that needs one.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore

from tandem.adapters.chaosblade_box.wire import read_page, read_task
from tandem.adapters.engine.deadline import CallDeadline, DeadlineBackend
from tandem.domain.chaosblade_box import BoxRefused, BoxTask, BoxUnavailable
from tandem.domain.errors import InvalidValue

CALL_SECONDS = 8.0
MOST_BYTES = 4 * 1024 * 1024
NEWEST = 10
"""How many tasks of an experiment are looked at: a box runs one at a time."""
SESSION_SECONDS = 60.0
"""A refusal in an older session may come of its end: it is asked again in a new one."""
_NO_MESSAGE = (None, "", "No message available")
"""How the error document shows an exception without a text, as that of a missing session is."""

_FOREIGN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol)
_LONGEST_QUOTE = 300


@dataclass(frozen=True, slots=True)
class Login:
    """``password`` as the box's own login form sends it."""

    user_name: str
    password: str


class HttpChaosBladeBox:
    """A box at ``http(s)://host[:port][/prefix]``. ``read_login`` gives name and password; None: it asks for none.

    Raises InvalidValue for another URL.
    """

    def __init__(self, base_url: str, read_login: Callable[[], Login] | None) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username is not None:
            raise InvalidValue("the URL of the box must be http(s)://host[:port][/prefix]")
        self._base = base_url.rstrip("/")
        self._read_login = read_login
        self._deadline = CallDeadline()
        self._pool = httpcore.ConnectionPool(network_backend=DeadlineBackend(self._deadline), keepalive_expiry=5.0)
        self._cookies: dict[str, str] = {}
        self._logged_in_at: float | None = None

    def latest_tasks(self, experiment_id: str) -> Sequence[BoxTask]:
        page = {"experimentId": experiment_id, "page": 1, "size": NEWEST}
        return read_page(self._call("ExperimentTaskSummaryPageableQuery", page))

    def task(self, task_id: str) -> BoxTask:
        return read_task(self._call("QueryExperimentTask", {"taskId": task_id}))

    def stop(self, task_id: str) -> None:
        self._call("StopExperimentTask", {"taskId": task_id})

    def _call(self, action: str, body: Mapping[str, object]) -> object:
        if self._read_login is not None and self._logged_in_at is None:
            self._log_in()
        try:
            return self._post(action, body)
        except BoxRefused as refusal:
            # All three calls may be repeated.
            if not self._may_be_old_session(refusal):
                raise
            self._log_in()
            return self._post(action, body)

    def _may_be_old_session(self, refusal: BoxRefused) -> bool:
        if self._logged_in_at is None:
            return False
        return refusal.wants_login or time.monotonic() - self._logged_in_at >= SESSION_SECONDS

    def _log_in(self) -> None:
        if self._read_login is None:
            return
        login = self._read_login()
        self._cookies.clear()
        self._logged_in_at = None
        try:
            self._post("UserLogin", {"userName": login.user_name, "password": login.password})
        except BoxRefused as refusal:
            raise BoxUnavailable(f"the box does not take our login: {refusal.message}") from refusal
        self._logged_in_at = time.monotonic()

    def _post(self, action: str, body: Mapping[str, object]) -> object:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "tandem"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        content = json.dumps(body).encode()
        headers["Content-Length"] = str(len(content))
        request = httpcore.Request(
            "POST",
            f"{self._base}/chaos/{action}",
            headers=[("Host", urlsplit(self._base).netloc), *headers.items()],
            content=content,
            extensions={"timeout": {"connect": 3.0, "pool": 3.0, "read": CALL_SECONDS, "write": CALL_SECONDS}},
        )
        try:
            with self._deadline.until(time.monotonic() + CALL_SECONDS):
                response = self._pool.handle_request(request)
                try:
                    answer = _limited(response)
                finally:
                    response.close()
        except _FOREIGN as exc:
            raise BoxUnavailable(f"the box gave no answer to {action} ({type(exc).__name__})") from exc
        for name, value in response.headers:
            found = re.match(rb"([^=;,\s]+)=([^;,\s]*)", value) if name.lower() == b"set-cookie" else None
            if found:
                self._cookies[found[1].decode("latin-1")] = found[2].decode("latin-1")
        return _result_of(response.status, answer, action)


def _limited(response: httpcore.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_stream():
        content += piece
        if len(content) > MOST_BYTES:
            raise BoxUnavailable(f"the box's answer is larger than {MOST_BYTES} bytes")
    return bytes(content)


def _result_of(status: int, content: bytes, action: str) -> object:
    """The envelope's ``result``. Raises BoxRefused for a no of the box, BoxUnavailable for what no box answers."""
    try:
        answer = json.loads(content)
    except ValueError as exc:
        raise BoxUnavailable(f"the box answered {status} to {action}, without JSON") from exc
    if isinstance(answer, dict):
        if status == 200 and isinstance(answer.get("success"), bool):
            if answer["success"]:
                return answer.get("result")
            words = answer.get("message") or answer.get("code") or "without a reason"
            raise BoxRefused(f"{action}: {str(words)[:_LONGEST_QUOTE]}")
        if status >= 400 and answer.get("status") == status and "path" in answer:
            raise _refusal(answer, action)
    raise BoxUnavailable(f"the box answered {status} to {action}, and not as a box does")


def _refusal(document: Mapping[str, object], action: str) -> BoxRefused:
    """What Spring Boot's error document says. A box that is not as we know it may leave any of its fields out."""
    exception = str(document.get("exception") or "").rpartition(".")[2]
    message = document.get("message")
    words = ": ".join(str(each) for each in (exception, message) if each not in _NO_MESSAGE) or "without a reason"
    refusal = BoxRefused(f"{action}: HTTP {document['status']}, {words[:_LONGEST_QUOTE]}")
    refusal.wants_login = exception in {"", "PermissionDeniedException"} and message in _NO_MESSAGE
    return refusal
