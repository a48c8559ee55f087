"""The console's AWS signatures, against those that botocore makes of the same requests."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tandem.adapters.pages.console import console_file
from tandem.domain.pages import ConsolePart
from tandem.rest.console import CONTENT_TYPES, policy

from tests.browser.chromium import Browser
from tests.factories.platform import until

pytestmark = pytest.mark.slow

PLAN = Path(__file__).resolve().parents[1] / "fixtures" / "plans" / "chinese_names.jmx"


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Recorder(ThreadingHTTPServer):
    """Serves the console, refuses every call of it, and remembers them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[Seen] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Keep the test output clean."""

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        if target.path == "/console":
            part = ConsolePart(parse_qs(target.query).get("part", ["page"])[0])
            self._answer(200, CONTENT_TYPES[part], console_file(part).encode())
        else:
            self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append(Seen(self.command, self.path, headers, body))
        self._answer(403, "application/json", b'{"message": "Forbidden"}')

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Security-Policy", policy([]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    server = Recorder()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def signature_by_botocore(recorder: Recorder, seen: Seen, token: str, monkeypatch: pytest.MonkeyPatch) -> str:
    at = datetime.strptime(seen.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: at)
    request = AWSRequest(seen.method, recorder.url + seen.path, data=seen.body)
    SigV4Auth(Credentials("AKIDEXAMPLE", "wJalr/XUtn+FEMI", token), "execute-api", "eu-west-3").add_auth(request)
    return str(request.headers["Authorization"])


@pytest.mark.parametrize("token", ["", "a/session+token=="])
def test_every_call_is_signed_as_botocore_signs_it(
    browser: Browser, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    browser.open(f"{recorder.url}/console")
    browser.click("#identity")
    browser.look('dialog [name="mode"] option', "AWS access key").click()
    fields = {"accessKey": "AKIDEXAMPLE", "secretKey": "wJalr/XUtn+FEMI", "sessionToken": token}
    for name, value in {**fields, "region": "eu-west-3", "namespace": "team a/b~(1)!*'ü"}.items():
        field = browser.look(f'dialog [name="{name}"]')
        field.clear()
        field.send_keys(value)
    recorder.seen.clear()
    browser.click("dialog [type=submit]")
    browser.look(".alert:not([hidden])", "Forbidden")
    browser.click(".places a", "Definitions")
    browser.look("h1", "Definitions")
    browser.click(".view-head .button")
    browser.look("#plan-file").send_keys(str(PLAN))
    browser.look(".preflight .alert", "Forbidden")
    wanted = {"/QueryLoadTestTasks", "/GetLoadTestStatistics", "/QueryLoadTestDefinitions", "/UploadJmxFile"}
    signed = [seen for seen in recorder.seen if "authorization" in seen.headers]
    until(lambda: {urlsplit(seen.path).path for seen in signed} >= wanted, "all kinds of calls", 5)

    for seen in signed:
        assert seen.headers["authorization"] == signature_by_botocore(recorder, seen, token, monkeypatch), seen.path
        assert seen.headers.get("x-amz-security-token", "") == token
        assert "x-local-user" not in seen.headers
    kept = browser.run("return Object.values(localStorage).join()")
    assert "wJalr" not in kept
    assert "AKID" not in kept
