"""Plans written for a URL, opened and run by a real JMeter as they are."""

import csv
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tandem.adapters.jmx.data_file_links import link_data_files
from tandem.adapters.jmx.url_plan import write_url_plan
from tandem.domain.definition import UrlCase
from tandem.domain.url_plan import UrlPlan
from tandem_engine.jmeter_home import JMeter, find_jmeter

pytestmark = pytest.mark.jmeter

PLANS = Path(__file__).parents[2] / "fixtures" / "plans"


@dataclass(frozen=True, slots=True)
class Recorded:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class RecordingServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RecordingHandler)
        self.requests: list[Recorded] = []
        self.status = 200


class RecordingHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RecordingServer

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(Recorded(self.command, self.path, dict(self.headers.items()), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is BaseHTTPRequestHandler's
        """Requests are recorded, not printed."""


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join(10)


@pytest.fixture(scope="session")
def jmeter(tmp_path_factory: pytest.TempPathFactory) -> JMeter:
    return find_jmeter(os.environ, tmp_path_factory.mktemp("jmeter"))


def run(jmeter: JMeter, directory: Path, plan: bytes, *properties: str) -> list[dict[str, str]]:
    """Run a plan to its end and return the rows of its JTL."""
    (directory / "plan.jmx").write_bytes(plan)
    jvm = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Djava.util.prefs.userRoot={directory}"]
    command = jmeter.command(jvm, ["-n", "-t", str(directory / "plan.jmx"), "-l", str(directory / "results.jtl")])
    command += ["-j", str(directory / "jmeter.log"), *properties]
    environment = {**os.environ, **jmeter.environment(jvm)}
    subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, timeout=90)
    with (directory / "results.jtl").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


NASTY = '{"a": "${__time()} \\${x} \\, \\\\ $${y} __P(a)",\r\n"b": "中文 😀 é\u00a0<&>]]>\ttab \'q\' ${"}\n'
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "X-Function": "${__time()} ${__groovy(1)} a\\b \\${x}",
    "X-Comma": 'a\\,b, c;d="e"',
    "X-Latin": "é",
}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_the_request_that_arrives_is_the_definitions_byte_for_byte(
    method: str, jmeter: JMeter, server: RecordingServer, tmp_path: Path
) -> None:
    case = UrlCase(method, "/orders/1?q=a,b&f=(x)%20y&t=$1", HEADERS, NASTY)
    plan = UrlPlan(f"{method} 订单 ${{__time()}} <&>", f"http://127.0.0.1:{server.server_port}/base,1", case, loops=2)
    rows = run(jmeter, tmp_path, write_url_plan(plan))
    assert [row["success"] for row in rows] == ["true", "true"]
    assert len(server.requests) == 2
    for request in server.requests:
        assert (request.method, request.path) == (method, "/base,1/orders/1?q=a,b&f=(x)%20y&t=$1")
        assert request.body == NASTY.encode()
        assert {name: request.headers[name] for name in HEADERS} == HEADERS
        assert request.headers["Connection"] == "keep-alive"


def test_a_body_without_functions_keeps_its_backslashes(
    jmeter: JMeter, server: RecordingServer, tmp_path: Path
) -> None:
    body = 'C:\\new\\, \\\\ "\\u00e9" \\$1'
    plan = UrlPlan("n", f"http://127.0.0.1:{server.server_port}", UrlCase("POST", "/", {}, body), loops=1)
    run(jmeter, tmp_path, write_url_plan(plan))
    assert [request.body for request in server.requests] == [body.encode()]


def test_properties_take_the_place_of_the_defaults(jmeter: JMeter, server: RecordingServer, tmp_path: Path) -> None:
    plan = UrlPlan("n", "http://nowhere.invalid:1/old", UrlCase(path="/订单 1"), threads=1, loops=1)
    properties = ["-Jthreads=3", "-Jloops=2", "-Jhost=127.0.0.1", f"-Jport={server.server_port}", "-Jpath=/new"]
    rows = run(jmeter, tmp_path, write_url_plan(plan), *properties)
    assert len(rows) == 6
    assert {row["threadName"][-1] for row in rows} == {"1", "2", "3"}
    assert {request.path for request in server.requests} == {"/new/%E8%AE%A2%E5%8D%95%201"}


def test_without_loops_the_load_goes_on_until_the_duration_ends(
    jmeter: JMeter, server: RecordingServer, tmp_path: Path
) -> None:
    plan = UrlPlan("n", f"http://127.0.0.1:{server.server_port}", UrlCase(), duration_sec=2)
    rows = run(jmeter, tmp_path, write_url_plan(plan))
    stamps = [int(row["timeStamp"]) for row in rows]
    assert len(rows) > 10
    assert 1_000 < max(stamps) - min(stamps) < 4_000


@pytest.mark.parametrize(("status", "success"), [(204, "true"), (302, "true"), (404, "false"), (503, "false")])
def test_a_sample_passes_with_2xx_and_3xx_alone(
    status: int, success: str, jmeter: JMeter, server: RecordingServer, tmp_path: Path
) -> None:
    server.status = status
    plan = UrlPlan("n", f"http://127.0.0.1:{server.server_port}", UrlCase(), loops=1)
    rows = run(jmeter, tmp_path, write_url_plan(plan))
    assert [(row["responseCode"], row["success"]) for row in rows] == [(str(status), success)]
    assert len(server.requests) == 1


def test_a_linked_data_file_is_read_where_the_engine_stored_it(
    jmeter: JMeter, server: RecordingServer, tmp_path: Path
) -> None:
    stored = tmp_path / "deep & far" / "users_20260102.csv"
    stored.parent.mkdir()
    stored.write_text("ann,1\nbob,2\n", encoding="utf-8")
    content = (PLANS / "with_data_file.jmx").read_bytes()
    plan = b"".join(link_data_files(lambda: [content], {"users.csv": str(stored)}))
    run(jmeter, tmp_path, plan, f"-Jport={server.server_port}", "-Jthreads=1", "-Jloops=2")
    assert [request.path for request in server.requests] == ["/login?user=ann", "/login?user=bob"]
