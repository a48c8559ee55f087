"""An engine as users run it, ``python -m tandem_engine``, on a free port, with its API at hand."""

import contextlib
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx

PROJECT = Path(__file__).resolve().parents[2]
ENGINE_PATH = f"{PROJECT / 'engine'}{os.pathsep}{PROJECT / 'shared'}"
_T = TypeVar("_T")
FINAL = ("COMPLETED", "FAILED", "STOPPED", "TIMEOUT")


def eventually(look: Callable[[], _T | None], what: str, within: float = 30.0) -> _T:
    """Look every 50 ms until the answer is true-ish; fails the test after ``within`` seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within} s: {what}")


def pid_is_running(pid: int) -> bool:
    """Whether a process with this pid runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class EngineProcess:
    """Start it with ``with``; it is ended, if it still lives, when the block is left."""

    def __init__(self, data: Path, jmeter_home: Path, **settings: str) -> None:
        """``settings`` are names without ``TANDEM_ENGINE_``, in lower case."""
        self.data = data
        self._settings = {"JMETER_HOME": str(jmeter_home)}
        self._settings |= {f"TANDEM_ENGINE_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client()

    def __enter__(self) -> "EngineProcess":
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self._process is not None:
            self.terminate()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
        environment |= {
            "PYTHONPATH": ENGINE_PATH,
            "TANDEM_ENGINE_PORT": "0",
            "TANDEM_ENGINE_DATA_DIR": str(self.data),
            "TANDEM_ENGINE_DEFAULT_HEAP": "128m",
            "TANDEM_ENGINE_SHUTDOWN_REPORT_WAIT": "0",
            **self._settings,
        }
        self.data.parent.mkdir(parents=True, exist_ok=True)
        log = self.data.parent / f"{self.data.name}.{time.monotonic_ns()}.log"
        with log.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tandem_engine"], env=environment, stderr=sink, stdin=subprocess.DEVNULL
            )
        self._log = log
        url = eventually(self._url, f"the engine is up; its log: {log}")
        self.http.close()
        self.http = httpx.Client(base_url=url, timeout=30)

    def _url(self) -> str | None:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        for line in self._log.read_text().splitlines():
            if '"engine is up"' in line:
                return str(json.loads(line)["url"])
        return None

    def log(self) -> str:
        return self._log.read_text()

    def forget_jmeter_home(self, path: str = "") -> None:
        """From the next start on the engine has to find a JMeter for itself, first in ``path``."""
        self._settings["JMETER_HOME"] = ""
        self._settings["PATH"] = os.pathsep.join([path, os.environ.get("PATH", "")]).strip(os.pathsep)

    def kill(self) -> None:
        """kill -9: the engine gets no chance to do anything."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def terminate(self) -> int:
        """A clean shutdown; answers the exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(40)
        self._process = None
        return status

    def get(self, path: str) -> Any:
        """The ``data`` of a successful GET."""
        return self._data(self.http.get(path))

    def post(self, path: str, body: object = None) -> Any:
        """The ``data`` of a successful POST."""
        return self._data(self.http.post(path, json=body))

    def upload(self, plan: Path, kind: str = "testplan") -> str:
        """Upload a file; answers its uploadPath."""
        answer = self.http.post(f"/api/files/upload/{kind}", files={"file": (plan.name, plan.read_bytes())})
        return str(self._data(answer)["uploadPath"])

    def run(self, plan: Path, **fields: object) -> str:
        """Upload and start a plan; answers the execution id."""
        started = self.post("/api/loadtest/start", {"testPlanPath": self.upload(plan), **fields})
        return str(started["executionId"])

    def status(self, execution_id: str) -> dict[str, Any]:
        return dict(self.get(f"/api/loadtest/status/{execution_id}"))

    def metrics(self, execution_id: str) -> dict[str, Any] | None:
        answer = self.http.get(f"/api/metrics/{execution_id}")
        return None if answer.status_code == 404 else dict(self._data(answer))

    def samples_arrive(self, execution_id: str, more_than: int = 0) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            state = self.status(execution_id)
            assert state["status"] == "RUNNING", state
            snapshot = self.metrics(execution_id)
            return snapshot if snapshot and snapshot["totalRequests"] > more_than else None

        return eventually(look, "samples arrive")

    def ended(self, execution_id: str, within: float = 40.0) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            state = self.status(execution_id)
            return state if state["status"] in FINAL else None

        return eventually(look, f"{execution_id} has ended", within)

    def jmeter_pids(self, execution_id: str) -> list[int]:
        """The pids of JMeter, found as any administrator would."""
        marker = f"-Jtandem.execution.id={execution_id}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and pid_is_running(int(entry.name)):
                with contextlib.suppress(OSError):
                    if marker in (entry / "cmdline").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    def jmeter_pid(self, execution_id: str) -> int:
        (pid,) = self.jmeter_pids(execution_id)
        return pid

    def jmeter_leader(self, execution_id: str) -> int:
        """The pid of the process that the engine itself started."""
        (pid,) = [pid for pid in self.jmeter_pids(execution_id) if os.getsid(pid) == pid]
        return pid

    def dashboard_exists(self, execution_id: str, within: float = 60.0) -> None:
        """Wait for JMeter's HTML dashboard and see that it is one."""
        url = self.get(f"/api/loadtest/results/{execution_id}")["reportUrl"]
        page = eventually(
            lambda: (answer := self.http.get(url)).status_code == 200 and answer.text, "the dashboard is there", within
        )
        assert "Apache JMeter Dashboard" in str(page)
        packed = self.http.get(str(url).removesuffix("/index.html") + ".zip")
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            assert archive.read("index.html").decode() == page

    def whole_jtl(self, execution_id: str) -> list[str]:
        """The lines of the result file, which must end with a line end."""
        url = self.get(f"/api/loadtest/results/{execution_id}")["resultUrl"]
        text = self.http.get(url).text
        assert text.endswith("\n")
        return text.splitlines()

    @staticmethod
    def _data(answer: httpx.Response) -> Any:
        body = answer.json()
        assert answer.status_code == 200, body
        assert set(body) == {"success", "message", "data", "error"}
        assert body["success"] is True
        assert body["error"] is None
        return body["data"]
