"""Live figures and the generator's health of real JMeter runs, against targets that fail in several ways."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tandem.adapters.engine.wire import MetricsWire
from tandem.domain.gate import GateBounds, GateFigures, shortfalls, why_not_proven

from tests.engine.engine_process import EngineProcess, eventually
from tests.factories.http_plans import Group, http_plan

BIG = b"x" * 3_000_000


class _Target(BaseHTTPRequestHandler):
    """``/503`` answers 503, ``/404`` 404, ``/big`` 3 MB, everything else 200."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        code = int(self.path[1:]) if self.path[1:].isdigit() else 200
        body = BIG if self.path == "/big" else b'{"paid": true}'
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        return


@pytest.fixture(scope="module")
def target() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def start(engine: EngineProcess, tmp_path: Path) -> Callable[..., str]:
    def run(plan: str, **fields: object) -> str:
        path = tmp_path / "plan.jmx"
        path.write_text(plan)
        return engine.run(path, **fields)

    return run


def after_four_seconds(engine: EngineProcess, run: str) -> tuple[dict[str, Any], GateFigures]:
    """The snapshot when 4 whole seconds of load are over, as it travels and as the gate sees it."""

    def look() -> dict[str, Any] | None:
        snapshot = engine.metrics(run)
        return snapshot if snapshot and snapshot["wholeSeconds"] >= 4 else None

    snapshot = eventually(look, "four seconds of load", 40)
    return snapshot, GateFigures.of(MetricsWire.model_validate(snapshot).to_metrics())


@pytest.mark.jmeter
@pytest.mark.parametrize(
    ("group", "error"),
    [
        (Group(paths=("/404",)), "404 Not Found"),
        (Group(paths=("/503",)), "503 Service Unavailable"),
        (Group(expects="never in it"), "200 Test failed: text expected to contain /never in it/"),
        (Group(paths=("/", "/503", "/404")), "404 Not Found"),
    ],
)
def test_a_target_that_fails_is_not_proven_and_its_error_is_named(
    engine: EngineProcess, start: Callable[..., str], target: int, group: Group, error: str
) -> None:
    run = start(http_plan(target, group), duration=30)
    _, measured = after_four_seconds(engine, run)
    said = why_not_proven(GateBounds(), measured)
    assert "requests failed in the last 3 s (gate allows 50 %)" in said
    assert f"Most frequent: {error}" in said or len(group.paths) > 1
    assert shortfalls(GateBounds(max_error_rate=1), measured) == []
    engine.post(f"/api/loadtest/stop/{run}")


@pytest.mark.jmeter
def test_a_target_that_is_dead_is_not_proven(engine: EngineProcess, start: Callable[..., str]) -> None:
    run = start(http_plan(9), duration=30)
    snapshot, measured = after_four_seconds(engine, run)
    assert (snapshot["recent"]["errorRate"], snapshot["errorRate"]) == (1, 1)
    assert "100 % of" in why_not_proven(GateBounds(), measured)
    assert "ConnectException: Connection refused" in why_not_proven(GateBounds(), measured)
    engine.post(f"/api/loadtest/stop/{run}")


@pytest.mark.jmeter
def test_a_healthy_target_is_proven_and_so_is_one_of_which_a_third_fails(
    engine: EngineProcess, start: Callable[..., str], target: int
) -> None:
    users = Group(paths=("/", "/other", "/503"))
    once = Group("Log in", "SetupThreadGroup", threads=1, paths=("/login",), loops=3)
    run = start(http_plan(target, once, users), duration=30)
    snapshot, measured = after_four_seconds(engine, run)
    assert shortfalls(GateBounds(), measured) == []
    assert snapshot["setUp"] == {"samples": 3, "errors": 0}
    assert snapshot["groupsKnown"] is True
    assert snapshot["recent"]["errorRate"] == pytest.approx(1 / 3, abs=0.1)
    assert 0 < snapshot["generator"]["cpuMean"] <= 1
    engine.post(f"/api/loadtest/stop/{run}")
    ended = engine.ended(run)
    assert ended["status"] == "STOPPED"
    health = ended["generator"]
    assert (health["threadDeaths"], health["outOfMemory"], health["droppedConnections"]) == (0, 0, 0)
    assert 0 < health["heapUsedBytes"] <= health["heapMaxBytes"]
    assert health["gcSeconds"] > 0
    summary = engine.get(f"/api/loadtest/summary/{run}")
    assert summary["total"] == engine.metrics(run)["totalRequests"]  # type: ignore[index]


@pytest.mark.jmeter
def test_a_load_that_died_of_too_small_a_heap_failed_and_says_what_to_do(
    engine: EngineProcess, start: Callable[..., str], target: int
) -> None:
    """Half the threads ask for answers that do not fit; the others go on to the end."""
    plan = http_plan(target, Group("Small", threads=2), Group("Large", threads=30, paths=("/big",), pause_ms=100))
    run = start(plan, duration=10, heapSize="40m")
    ended = engine.ended(run, within=60)
    assert ended["status"] == "FAILED"
    assert "OutOfMemoryError: raise heapSize" in ended["errorMessage"]
    assert ended["generator"]["outOfMemory"] > 0
