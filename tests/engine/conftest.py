"""Fixtures of the engine's tests: a JMETER_HOME for the session, a target on the loopback interface, an engine."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tandem_engine.jmeter_home import find_jmeter

from tests.engine.engine_process import EngineProcess

PLANS = Path(__file__).parent / "plans"


@pytest.fixture(scope="session")
def jmeter_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the JMeter that a user of this machine would get, built once."""
    jmeter = find_jmeter(os.environ, tmp_path_factory.mktemp("jmeter"))
    assert jmeter.jar is not None
    return jmeter.jar.parent.parent


@pytest.fixture
def engine_on(jmeter_home: Path) -> Callable[..., EngineProcess]:
    """Make an engine on a data directory, with settings: ``engine_on(path, max_runs="2")``."""

    def make(data: Path, **settings: str) -> EngineProcess:
        return EngineProcess(data, jmeter_home, **settings)

    return make


@pytest.fixture
def engine(engine_on: Callable[..., EngineProcess], tmp_path: Path) -> Iterator[EngineProcess]:
    with engine_on(tmp_path / "data") as running:
        yield running
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


@pytest.fixture
def sleep_plan() -> Path:
    """Samples that sleep ``-Jsleep`` ms (20), ``-Jloops`` times, named ``-Jlabel``."""
    return PLANS / "java_sampler.jmx"


class _Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer("POST")

    def _answer(self, method: str) -> None:
        self.seen.append((method, self.path))
        body = b'{"ok": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        return


class Shop:
    """A tiny HTTP service on 127.0.0.1 that answers everything with 200 and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        handler = type("Handler", (_Shop,), {"seen": self.seen, "disable_nagle_algorithm": True})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def shop() -> Iterator[Shop]:
    target = Shop()
    yield target
    target.close()
