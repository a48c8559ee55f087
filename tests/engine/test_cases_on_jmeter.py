"""The plans of tests/fixtures/cases over a real JMeter, each with the right value of its README."""

import csv
import io
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.analysis import Analysis, analyse
from tandem.domain.samples import AnalysisPlan

from tests.engine.engine_process import EngineProcess
from tests.engine.plan_pieces import fragment, sleep

pytestmark = pytest.mark.jmeter

CASES = Path(__file__).resolve().parents[1] / "fixtures" / "cases"
SECONDS = 6
PORT_IN_PLANS = ">19611<"
# Its first row: the plan puts the file as it is into an address as well, where JMeter takes no line end.
BODY = (CASES / "body-files/body.csv").read_bytes().splitlines()[0]
PAGE = b'<html><head><link rel="stylesheet" href="/a.css"><script src="/b.js"></script></head><img src="/c.png"></html>'

RUNS: dict[str, Mapping[str, bytes]] = {
    "finite-loops/plan.jmx": {},
    "serialised-groups/plan.jmx": {},
    "body-files/plan.jmx": {"body.csv": BODY},
    "include-controller/plan.jmx": {"login_fragment.jmx": fragment(sleep("login")).encode()},
    "missing-csv-message/plan.jmx": {},
    "plugins-absent/plan.jmx": {},
    "sub-results-counted/plan-redirect.jmx": {},
    "sub-results-counted/plan-embedded.jmx": {},
    "transaction-totals/plan.jmx": {},
    "label-injection/plan.jmx": {},
}
AT_A_TIME = 5


class _Handler(BaseHTTPRequestHandler):
    """What the plans ask of their target: a redirect, a page with parts, a status on request, else a short text."""

    protocol_version = "HTTP/1.1"
    hits: Counter[str]
    bodies: list[bytes]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        self._answer()

    def _answer(self) -> None:
        asked = urlsplit(self.path)
        self.hits[self.path] += 1
        body = PAGE if asked.path == "/page" else b"ok"
        status = 302 if asked.path == "/redirect" else int(parse_qs(asked.query).get("code", ["200"])[0])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/final")
        self.send_header("Content-Type", "text/html" if body is PAGE else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        return


class Target:
    """The plans' target on 127.0.0.1; ``hits`` by path and query, ``bodies`` of the POST requests."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.bodies: list[bytes] = []
        made = {"hits": self.hits, "bodies": self.bodies, "disable_nagle_algorithm": True}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), made))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class Cases:
    """An engine that runs the cases, some at a time and each once."""

    def __init__(self, engine: EngineProcess, target: Target) -> None:
        self.engine = engine
        self.target = target
        self._executions: dict[str, str] = {}

    def ended(self, case: str) -> dict[str, Any]:
        """The status of the case's run when it has ended."""
        if case not in self._executions:
            waiting = [name for name in RUNS if name not in self._executions]
            waiting.sort(key=lambda name: name != case)
            for name in waiting[:AT_A_TIME]:
                self._executions[name] = self._start(name)
        return self.engine.ended(self._executions[case], within=60)

    def jtl(self, case: str) -> str:
        """The result file of the case's run, which has ended as it should."""
        state = self.ended(case)
        assert (state["status"], state["errorMessage"]) == ("COMPLETED", None)
        return "\n".join([*self.engine.whole_jtl(self._executions[case]), ""])

    def rows(self, case: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.jtl(case), newline="")))

    def analysis(self, case: str) -> Analysis:
        return analyse(read_jtl, [[self.jtl(case).encode()]], AnalysisPlan())

    def statistics(self, case: str) -> dict[str, Any]:
        """JMeter's own figures, from its dashboard."""
        execution = self._executions[case]
        self.engine.dashboard_exists(execution)
        url = str(self.engine.get(f"/api/loadtest/results/{execution}")["reportUrl"])
        return dict(self.engine.http.get(url.replace("index.html", "statistics.json")).json())

    def total(self, case: str) -> int:
        """The requests that the engine itself counted."""
        metrics = self.engine.metrics(self._executions[case])
        assert metrics is not None
        return int(metrics["totalRequests"])

    def _start(self, case: str) -> str:
        plan = (CASES / case).read_text().replace(PORT_IN_PLANS, f">{self.target.port}<")
        files = [{"path": self._upload(name, content, "data"), "name": name} for name, content in RUNS[case].items()]
        path = self._upload("plan.jmx", plan.encode(), "testplan")
        body = {"testPlanPath": path, "files": files, "threads": 2, "duration": SECONDS}
        return str(self.engine.post("/api/loadtest/start", body)["executionId"])

    def _upload(self, name: str, content: bytes, kind: str) -> str:
        answer = self.engine.http.post(f"/api/files/upload/{kind}?keep=false", files={"file": (name, content)})
        return str(answer.json()["data"]["uploadPath"])


@pytest.fixture(scope="module")
def cases(jmeter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cases]:
    target = Target()
    try:
        with EngineProcess(tmp_path_factory.mktemp("cases") / "data", jmeter_home, max_runs="20") as engine:
            yield Cases(engine, target)
    finally:
        target.close()


def length(rows: list[dict[str, str]]) -> float:
    """From the first start to the last end, s."""
    starts = [int(row["timeStamp"]) for row in rows]
    return (max(int(row["timeStamp"]) + int(row["elapsed"]) for row in rows) - min(starts)) / 1000


def failed(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(row["label"], row["responseMessage"]) for row in rows if row["success"] != "true"]


@pytest.mark.parametrize("case", ["finite-loops/plan.jmx", "serialised-groups/plan.jmx", "plugins-absent/plan.jmx"])
def test_the_whole_load_lasts_the_duration_that_was_asked_for(cases: Cases, case: str, jmeter_home: Path) -> None:
    if case.startswith("plugins") and not list((jmeter_home / "lib/ext").glob("*casutg*")):
        pytest.skip("this JMeter has no Custom Thread Groups plug-in")
    rows = cases.rows(case)
    assert SECONDS - 2 <= length(rows) <= SECONDS + 2
    assert failed(rows) == []


def test_groups_one_after_another_share_the_duration(cases: Cases) -> None:
    counted = Counter(row["label"] for row in cases.rows("serialised-groups/plan.jmx"))
    assert set(counted) == {"one", "two"}
    assert min(counted.values()) > 5


def test_a_file_that_requests_send_arrives(cases: Cases) -> None:
    rows = cases.rows("body-files/plan.jmx")
    counted = Counter(row["label"] for row in rows)
    assert failed(rows) == []
    assert min(counted["up"], counted["fts"]) > 5
    assert len(cases.target.bodies) == counted["up"]
    assert all(BODY in body for body in cases.target.bodies)
    assert cases.target.hits[f"/x?b={BODY.decode()}"] == counted["fts"], "by __FileToString"


def test_the_requests_of_an_included_plan_are_made(cases: Cases) -> None:
    counted = Counter(row["label"] for row in cases.rows("include-controller/plan.jmx"))
    assert set(counted) == {"login", "home"}
    assert abs(counted["login"] - counted["home"]) <= 2
    assert counted["login"] > 5


def test_a_data_file_that_is_not_there_is_named(cases: Cases) -> None:
    state = cases.ended("missing-csv-message/plan.jmx")
    assert state["status"] == "FAILED"
    assert "users.csv" in state["errorMessage"]


@pytest.mark.parametrize(
    ("case", "path", "parts"),
    [("plan-redirect.jmx", "/redirect", {"/final"}), ("plan-embedded.jmx", "/page", {"/a.css", "/b.js", "/c.png"})],
)
def test_what_belongs_to_a_request_is_counted_with_it(cases: Cases, case: str, path: str, parts: set[str]) -> None:
    case = f"sub-results-counted/{case}"
    summary = cases.analysis(case).summary
    assert summary.samples == cases.target.hits[path] == cases.total(case)
    assert summary.samples > 10
    assert summary.errors == 0
    assert all(cases.target.hits[part] == summary.samples for part in parts)


def test_transactions_and_their_requests_are_counted_as_jmeter_counts_them(cases: Cases) -> None:
    case = "transaction-totals/plan.jmx"
    analysis = cases.analysis(case)
    jmeter = {name: (int(of["sampleCount"]), int(of["errorCount"])) for name, of in cases.statistics(case).items()}
    total = jmeter.pop("Total")
    ours: dict[str, tuple[int, int]] = {}
    for key, of in analysis.labels:  # a parent row that the end cut may have its label twice: JMeter has one of each
        samples, errors = ours.get(key.label, (0, 0))
        ours[key.label] = (samples + of.samples, errors + (of.errors or 0))
    assert ours == jmeter
    assert {key.label for key, _ in analysis.labels if key.transaction} >= {"Order flow", "Outer", "Inner"}
    assert (analysis.summary.samples, analysis.summary.errors) == total


def test_labels_are_whole_whatever_stands_in_them(cases: Cases) -> None:
    case = "label-injection/plan.jmx"
    written = {each.get("testname", "") for each in ET.parse(CASES / case).iter("HTTPSamplerProxy")}
    assert {"<script>alert(1)</script>", "line1\nline2", "", "=cmd|calc"} < written
    analysis = cases.analysis(case)
    assert {key.label for key, _ in analysis.labels} == written
    assert analysis.summary.skipped_lines == 0
    assert analysis.summary.samples == sum(of.samples for _, of in analysis.labels)
