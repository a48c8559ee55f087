"""``ChaosBladeBox`` over HTTP: POST of JSON under ``/chaos/``, a session cookie, and answers 200 that may say no."""

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
        except BoxRefused:
            # A box says "no" and "who are you?" in the same way, with status 200. All three calls may be repeated.
            if self._logged_in_at is None or time.monotonic() - self._logged_in_at < SESSION_SECONDS:
                raise
            self._log_in()
            return self._post(action, body)

    def _log_in(self) -> None:
        if self._read_login is None:
            return
        login = self._read_login()
        self._cookies.clear()
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
    """The envelope's ``result``. Raises BoxRefused for ``success: false``, BoxUnavailable for what is no envelope."""
    try:
        envelope = json.loads(content)
    except ValueError as exc:
        raise BoxUnavailable(f"the box answered {status} to {action}, without JSON") from exc
    if status != 200 or not isinstance(envelope, dict) or not isinstance(envelope.get("success"), bool):
        raise BoxUnavailable(f"the box answered {status} to {action}, and not as a box does")
    if not envelope["success"]:
        words = envelope.get("message") or envelope.get("code") or "without a reason"
        raise BoxRefused(f"{action}: {str(words)[:_LONGEST_QUOTE]}")
    return envelope.get("result")
