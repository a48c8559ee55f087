"""A programmable load engine over real HTTP: it speaks the engine's API, every trap of it a switch, and runs nothing.

In a test: ``with TrapEngine(DEPLOYED) as engine: ... engine.url``. From outside: ``python -m tests.fakes.trap_engine
--port P``, steered by ``POST /_control`` and watched by ``GET /_control`` (see ``Control``).
"""

import argparse
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind, Traps
from tests.fakes.virtual_run import VirtualRun

_TRICKLE_SECONDS = 0.05
_HUGE_BODY = b'{"success": true, "data": "' + b"x" * (12 * 1024 * 1024) + b'"}'
_LIST_LIMIT = 500
_EXTENSIONS = {"jmx", "csv", "txt", "json", "xml", "properties"}

_ROUTES: Sequence[tuple[str, str, Call]] = (
    ("POST", r"/api/files/upload(?:/(?P<kind>testplan|data))?", Call.UPLOAD),
    ("GET", r"/api/files/list", Call.FILES),
    ("POST", r"/api/loadtest/start", Call.START),
    ("POST", r"/api/loadtest/stop/(?P<id>[^/]+)", Call.STOP),
    ("GET", r"/api/loadtest/status/(?P<id>[^/]+)", Call.STATUS),
    ("GET", r"/api/loadtest/list", Call.LIST),
    ("GET", r"/api/loadtest/results/(?P<id>[^/]+)", Call.RESULTS),
    ("GET", r"/api/loadtest/events/(?P<id>[^/]+)", Call.EVENTS),
    ("GET", r"/api/loadtest/summary/(?P<id>[^/]+)", Call.SUMMARY),
    ("GET", r"/api/loadtest/health", Call.HEALTH),
    ("GET", r"/api/loadtest/capabilities", Call.CAPABILITIES),
    ("GET", r"/api/metrics/stream/(?P<id>[^/]+)", Call.STREAM),
    ("GET", r"/api/metrics/(?P<id>[^/]+)", Call.METRICS),
    ("GET", r"/(?:results|reports)/(?P<dir>[^/]+)/(?P<file>results\.jtl|index\.html)", Call.FILE),
)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One request as it arrived; ``at`` is in epoch seconds by the injected clock."""

    call: Call
    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    at: float
    fault: FaultKind | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a status, a body, and its type."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Control(BaseModel):
    """What ``POST /_control`` takes; each member is optional and they take effect in this order."""

    model_config = ConfigDict(extra="forbid")

    clear: bool = False  # faults away, traps back to those of the start
    traps: dict[str, object] = {}  # members of Traps, for runs started from now on
    run_traps: dict[str, dict[str, object]] = {}  # execution id or part of a test name -> members of Traps
    faults: list[dict[str, object]] = []  # Fault each
    plans: list[str] = []  # plan paths that exist
    advance_seconds: float = 0.0
    restart: dict[str, bool] | None = None  # arguments of TrapEngine.restart
    down_for_seconds: float = 0.0


_TRAPS = TypeAdapter(Traps)
_FAULT = TypeAdapter(Fault)


class TrapEngine:
    """The engine and its server. All methods may be called from any thread while it serves."""

    def __init__(self, traps: Traps | None = None, *, now: Callable[[], float] = time.time, port: int = 0) -> None:
        self._first_traps = traps or Traps()
        self.traps = self._first_traps
        # When set, whoever does not bring it is turned away.
        self.token: str | None = None
        # Whether it has our engine's addition to the contract.
        self.deletes = False
        # What it says that it can load; None: it has no such call, as a deployed engine.
        self.capabilities: dict[str, object] | None = None
        # How a load gets its id.
        self.new_id: Callable[[], str] = lambda: secrets.token_hex(4)
        self.calls: list[CallRecord] = []
        self._now = now
        self._advanced = 0.0
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._faults: list[Fault] = []
        self._runs: dict[str, VirtualRun] = {}
        self._forgotten: dict[str, VirtualRun] = {}
        self._traps_by_name: dict[str, Traps] = {}
        self._files: dict[str, bytes] = {}
        self._begun: list[tuple[str, str]] = []
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    # --- life ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.come_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.go_down()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    def come_up(self) -> None:
        """Listen, again on the same port after ``go_down``."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def go_down(self) -> None:
        """Close the listening socket and every connection: the next connection is refused. The runs go on."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._server = self._thread = None
        server.shutdown()
        thread.join()
        server.server_close()
        server.close_connections()

    # --- what the tests steer -----------------------------------------------------------------------------------

    def now(self) -> float:
        """The true time, as far as the tests are concerned; the engine tells it with its offsets."""
        return self._now() + self._advanced

    def advance(self, seconds: float) -> None:
        """Let the engine's time pass."""
        with self._lock:
            self._advanced += seconds

    def set_traps(self, traps: Traps) -> None:
        """How runs started from now on behave."""
        with self._lock:
            self.traps = traps

    def set_traps_for(self, name_part: str, traps: Traps) -> None:
        """How the run of this id, or the runs whose name holds ``name_part``, behave: those there and those to come."""
        with self._lock:
            self._traps_by_name[name_part] = traps
            for run in [*self._runs.values(), *self._forgotten.values()]:
                if run.execution_id == name_part or name_part in (run.test_name or ""):
                    run.traps = traps

    def add_fault(self, fault: Fault) -> None:
        """The first fault that matches a call and has calls left hits it."""
        with self._lock:
            self._faults.append(fault)

    def clear_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def add_plan(self, path: str) -> None:
        """Make a plan exist without an upload."""
        with self._lock:
            self._files[path] = b"<jmeterTestPlan/>"

    def restart(self, *, kill_load: bool = True, lose_names: bool = False, forget_runs: bool = False) -> None:
        """What a restart of the engine does (traps 6 and 15).

        ``kill_load``: the processes die with it; without it the load goes on while the engine calls the run ended.
        ``lose_names``: the records are rebuilt from the directories, as "Recovered". ``forget_runs``: all 404.
        """
        with self._lock:
            now = self.now()
            for run in self._runs.values():
                going = run.load_goes_on(now)
                if going:
                    run.recovered_at = now
                    run.recovered_word = "COMPLETED" if run.samples(now) else "FAILED"
                    if kill_load:
                        run.load_killed_at = now
                run.forgotten_in_memory = True
                if lose_names:
                    run.test_name, run.parameters, run.plan_path = "Recovered", None, ""
                    run.events = [{"ts": int(now * 1000), "type": "MIGRATED", "message": run.directory}]
            if forget_runs:
                self._forgotten.update(self._runs)
                self._runs.clear()

    # --- what the tests ask -------------------------------------------------------------------------------------

    def running(self) -> set[str]:
        """The ids of all runs that send load right now, whatever the engine would tell of them."""
        with self._lock:
            now = self.now()
            everything = {**self._forgotten, **self._runs}
            return {key for key, run in everything.items() if run.load_goes_on(now)}

    def starts(self, name_part: str) -> int:
        """How many loads were ever begun under a test name that holds ``name_part``."""
        return len(self.runs_named(name_part))

    def runs_named(self, name_part: str) -> list[str]:
        """The ids of the loads that were begun under such a name, oldest first."""
        with self._lock:
            return [key for key, name in self._begun if name_part in name]

    def word(self, execution_id: str) -> str:
        """The state of a run by the engine's books, without any fault or ``shown_status``."""
        with self._lock:
            return {**self._forgotten, **self._runs}[execution_id].word(self.now())

    def calls_of(self, call: Call) -> list[CallRecord]:
        """The requests of one kind so far, in order of arrival."""
        with self._lock:
            return [record for record in self.calls if record.call is call]

    # --- what the server calls ----------------------------------------------------------------------------------

    @property
    def closing(self) -> threading.Event:
        return self._closing

    def record(self, call: Call, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Fault | None:
        """Log a call and take the fault that hits it, if any."""
        with self._lock:
            fault = self._take_fault(call, path, body)
            kind = fault.kind if fault else None
            self.calls.append(CallRecord(call, method, path, body, headers, self.now(), kind))
            return fault

    def _take_fault(self, call: Call, path: str, body: bytes) -> Fault | None:
        for index, fault in enumerate(self._faults):
            if fault.on and call not in fault.on:
                continue
            if fault.execution_id is not None and f"/{fault.execution_id}" not in path:
                continue
            if fault.test_name is not None and fault.test_name.encode() not in body:
                continue
            if fault.calls is not None:
                if fault.calls <= 1:
                    del self._faults[index]
                else:
                    self._faults[index] = replace(fault, calls=fault.calls - 1)
            return fault
        return None

    def handle(
        self, call: Call, parts: Mapping[str, str], query: Mapping[str, list[str]], body: bytes, content_type: str
    ) -> Reply:
        """Do what a call asks and say what the engine would."""
        with self._lock:
            match call:
                case Call.UPLOAD:
                    return self._upload(parts.get("kind") or "", body, content_type)
                case Call.FILES:
                    return self._ok(self._file_list())
                case Call.START:
                    return self._start(body)
                case Call.LIST:
                    newest = sorted(self._runs.values(), key=lambda run: run.started, reverse=True)
                    return self._ok([self._execution(run) for run in newest[:_LIST_LIMIT]])
                case Call.HEALTH:
                    return self._ok(self._health())
                case Call.CAPABILITIES if self.capabilities is not None:
                    return self._ok(self.capabilities)
                case Call.FILE:
                    return self._file(parts["dir"], parts["file"])
                case Call.CAPABILITIES | Call.OTHER:
                    return self._not_found("no such endpoint")
            return self._of_run(call, parts["id"], query)

    def delete(self, execution_id: str) -> Reply:
        """What ``DELETE /api/loadtest/results/{id}`` answers."""
        with self._lock:
            if not self.deletes:
                return Reply(405)
            if execution_id not in self._runs:
                return self._not_found("no such execution")
            if self._runs[execution_id].load_goes_on(self.now()):
                return self._failed(400, "it has not ended")
            del self._runs[execution_id]
            return self._ok(True)

    def stop_wait_seconds(self, execution_id: str) -> float:
        """How long a stop of this run blocks before it is done."""
        with self._lock:
            run = self._runs.get(execution_id)
            now = self.now()
            return run.traps.stop_takes_seconds if run and not run.calls_itself_ended(now) else 0.0

    def snapshots(self, execution_id: str) -> Iterator[bytes]:
        """The metrics stream: a snapshot a second until the load ends or the engine closes."""
        while not self._closing.is_set():
            with self._lock:
                run = self._runs.get(execution_id)
                if run is None or run.forgotten_in_memory:
                    return
                line = json.dumps(self._metrics(run))
                goes_on = run.load_goes_on(self.now())
            yield f"data:{line}\n\n".encode()
            if not goes_on:
                return
            self._closing.wait(1.0)

    def control(self, order: Control) -> None:
        """Carry out what came to ``POST /_control``. Raises ``ValueError`` for a name that is no switch."""
        if order.clear:
            self.clear_faults()
            self.set_traps(self._first_traps)
            with self._lock:
                self._traps_by_name.clear()
        if order.traps:
            self.set_traps(_changed(self.traps, order.traps))
        for name_part, members in order.run_traps.items():
            self.set_traps_for(name_part, _changed(self.traps, members))
        for fault in order.faults:
            self.add_fault(_FAULT.validate_python(fault))
        for path in order.plans:
            self.add_plan(path)
        self.advance(order.advance_seconds)
        if order.restart is not None:
            self.restart(**order.restart)
        if order.down_for_seconds > 0:
            threading.Thread(target=self._down_for, args=(order.down_for_seconds,), daemon=True).start()

    def _down_for(self, seconds: float) -> None:
        self.go_down()
        if not self._closing.wait(seconds):
            self.come_up()

    def report(self) -> dict[str, object]:
        """What ``GET /_control`` answers."""
        with self._lock:
            names: dict[str, int] = {}
            for _, name in self._begun:
                names[name] = names.get(name, 0) + 1
            return {
                "running": sorted(self.running()),
                "starts": names,
                "runs": {key: run.word(self.now()) for key, run in self._runs.items()},
                "calls": [
                    {"call": record.call, "method": record.method, "path": record.path, "at": record.at}
                    for record in self.calls
                ],
            }

    # --- the API ------------------------------------------------------------------------------------------------

    def _of_run(self, call: Call, execution_id: str, query: Mapping[str, list[str]]) -> Reply:
        run = self._runs.get(execution_id)
        now = self.now()
        in_memory = run is not None and not run.forgotten_in_memory
        match call:
            case Call.STOP:
                return self._stop(execution_id)
            case Call.EVENTS:
                if run is None and not self.traps.events_of_unknown_is_empty_list:
                    return self._not_found("unknown execution")
                tail = int(query.get("tail", ["100"])[0])
                return self._ok([json.dumps(event) for event in self._events(run)[-tail:]] if run else [])
            case Call.STATUS if run is not None:
                return self._ok(self._execution(run))
            case Call.RESULTS if run is not None and in_memory:
                whole = self._execution(run)
                names = ("executionId", "status", "resultPath", "reportPath", "logPath")
                data = {name: whole[name] for name in names}
                data["resultUrl"] = f"/results/{run.directory}/results.jtl"
                data["reportUrl"] = f"/reports/{run.directory}/index.html"
                return self._ok(data)
            case Call.METRICS if run is not None and in_memory and run.samples(now):
                return self._ok(self._metrics(run))
            case Call.SUMMARY if run is not None and run.calls_itself_ended(now) and run.samples(now):
                total, errors = run.samples(now), run.errors(now)
                times = {"avgRt": 35.0, "maxRt": 50, "minRt": 20}
                return self._ok({"total": total, "succ": total - errors, "err": errors, **times})
        return self._not_found("unknown execution")

    def _upload(self, kind: str, body: bytes, content_type: str) -> Reply:
        name, content = _file_of(body, content_type)
        if name is None:
            return self._failed(400, "no file")
        stem, _, extension = name.rpartition(".")
        extension = extension.lower()
        if extension not in _EXTENSIONS or (kind == "testplan" and extension != "jmx"):
            return self._failed(400, f"file type not allowed: {extension}")
        if not content:
            return self._failed(500 if self.traps.empty_upload_is_500 else 400, "file is empty")
        now = datetime.fromtimestamp(self.now(), UTC)
        stored = f"{stem}_{now:%Y%m%d_%H%M%S}_{secrets.token_hex(4)}.{extension}"
        folder = "testplans" if extension == "jmx" else "data"
        self._files[f"uploads/{folder}/{stored}"] = content
        return self._ok(
            {
                "fileName": stored,
                "originalFileName": name,
                "fileType": extension,
                "fileSize": len(content),
                "uploadPath": f"/data/uploads/{folder}/{stored}",
                "accessUrl": f"/uploads/{folder}/{stored}",
                "uploadTime": int(self.now() * 1000),
            }
        )

    def uploaded(self, path: str) -> bytes:
        """The content of an upload, by its path on the engine (relative or absolute)."""
        with self._lock:
            return self._files[path.removeprefix("/data/")]

    def _file_list(self) -> dict[str, list[str]]:
        plans = [f"/data/{path}" for path in self._files if path.endswith(".jmx")]
        data = [f"/data/{path}" for path in self._files if not path.endswith(".jmx")]
        return {"testplans": plans, "data": data, "misc": []}

    def _start(self, body: bytes) -> Reply:
        try:
            request = json.loads(body)
        except ValueError:
            return _framework_400("malformed JSON")
        plan = request.get("testPlanPath")
        if not isinstance(plan, str) or not plan or request.get("threads", 1) < 1 or request.get("duration", 1) < 1:
            return _framework_400("validation failed")
        name = request.get("testName")
        traps = next((traps for part, traps in self._traps_by_name.items() if part in (name or "")), self.traps)
        run = VirtualRun(
            execution_id=self.new_id(),
            test_name=name,
            plan_path=plan,
            description=request.get("description"),
            parameters={key: value for key, value in request.items() if key not in {"testPlanPath", "testName"}},
            started=self.now(),
            traps=traps,
            duration=request.get("duration"),
            timeout=request.get("timeout", 3600),
            threads=request.get("threads", 1),
        )
        if not traps.any_plan and plan.removeprefix("/data/") not in self._files:
            if not traps.refused_start_leaves_record:
                return self._failed(400, f"test plan not found: {plan}")
            run.refused = f"test plan not found: {plan}"
            self._runs[run.execution_id] = run
            return self._failed(500, run.refused)
        run.events.append({"ts": int(run.started * 1000), "type": "STARTED", "message": run.execution_id})
        self._runs[run.execution_id] = run
        self._begun.append((run.execution_id, name or ""))
        return self._ok(self._execution(run), "started")

    def _stop(self, execution_id: str) -> Reply:
        run = self._runs.get(execution_id)
        now = self.now()
        if run is None:
            return self._failed(400, "unknown or already stopped")
        if run.calls_itself_ended(now):
            if run.traps.stop_of_ended_is_ok and run.recovered_at is None:
                run.stopped_at = run.stopped_at or now
                return self._ok(True)
            return self._failed(400, "unknown or already stopped")
        if not run.traps.stop_is_ignored:
            run.stopped_at = now
            run.events.append({"ts": int(now * 1000), "type": "STOPPED", "message": "stopped on request"})
        return self._ok(True)

    def _execution(self, run: VirtualRun) -> dict[str, object]:
        now = self.now()
        end = run.told_end(now)
        failed = run.word(now) == "FAILED"
        return {
            "executionId": run.execution_id,
            "testName": run.test_name,
            "description": run.description,
            "testPlanPath": run.plan_path,
            "containerId": None,
            "containerName": None,
            "status": run.traps.shown_status or run.word(now),
            "startTime": self._local(run.started, run.traps),
            "endTime": None if end is None else self._local(end, run.traps),
            "resultPath": f"results/{run.directory}/results.jtl",
            "reportPath": f"reports/{run.directory}",
            "logPath": f"results/{run.directory}/jmeter.log",
            "parameters": run.parameters,
            "errorMessage": run.refused or ("exit code 1" if failed and run.recovered_at is None else None),
        }

    def _metrics(self, run: VirtualRun) -> dict[str, object]:
        now = self.now()
        total, errors, goes_on = run.samples(now), run.errors(now), run.load_goes_on(now)
        recent = total - run.samples(now - 5.0) if goes_on else 0
        return {
            "executionId": run.execution_id,
            "timestamp": int((now + run.traps.clock_offset_seconds) * 1000),
            "activeThreads": run.threads if goes_on else 0,
            "totalRequests": total,
            "successCount": total - errors,
            "errorCount": errors,
            "avgResponseTime": 35.0,
            "maxResponseTime": 50,
            "minResponseTime": 20,
            "errorRate": errors / total if total else 0.0,
            "throughput": recent / min(5.0, max(1.0, now - run.started)),
        }

    def _events(self, run: VirtualRun) -> list[dict[str, object]]:
        now = self.now()
        end = run.told_end(now)
        if end is None:
            return run.events
        return [*run.events, {"ts": int(end * 1000), "type": run.word(now), "message": "ended"}]

    def _health(self) -> dict[str, object]:
        now = self.now()
        going = sum(not run.calls_itself_ended(now) for run in self._runs.values())
        shown = len(self._runs) if self.traps.running_tests_counts_ended else going
        return {"status": "UP", "timestamp": int(now * 1000), "runningTests": shown}

    def _file(self, directory: str, name: str) -> Reply:
        run = next((run for run in self._runs.values() if run.directory == directory), None)
        if run is None or run.refused is not None:
            return self._not_found("no such file")
        if name == "index.html":
            if not run.calls_itself_ended(self.now()):
                return self._not_found("no report yet")
            return Reply(200, b"<html><title>Apache JMeter Dashboard</title></html>", "text/html")
        return Reply(200, run.jtl(self.now()), "application/octet-stream")

    def _local(self, at: float, traps: Traps) -> str:
        shifted = at + traps.clock_offset_seconds + traps.zone_offset_seconds
        return datetime.fromtimestamp(shifted, UTC).replace(tzinfo=None).isoformat()

    def _ok(self, data: object, message: str | None = None) -> Reply:
        return self._envelope(200, {"success": True, "message": message, "data": data, "error": None})

    def _failed(self, status: int, error: str) -> Reply:
        return self._envelope(status, {"success": False, "message": None, "data": None, "error": error})

    def _not_found(self, error: str) -> Reply:
        return Reply(404) if self.traps.empty_404 else self._failed(404, error)

    def _envelope(self, status: int, envelope: dict[str, object]) -> Reply:
        told = _without_nulls(envelope) if self.traps.lean_envelope else envelope
        return Reply(status, json.dumps(told, ensure_ascii=False).encode())


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _changed(traps: Traps, members: Mapping[str, object]) -> Traps:
    known = asdict(traps)
    unknown = set(members) - set(known)
    if unknown:
        raise ValueError(f"no such traps: {', '.join(sorted(unknown))}")
    return _TRAPS.validate_python({**known, **members})


def _framework_400(message: str) -> Reply:
    body = {"timestamp": "2025-08-20T13:25:39.088+00:00", "status": 400, "error": "Bad Request", "message": message}
    return Reply(400, json.dumps(body).encode())


def _file_of(body: bytes, content_type: str) -> tuple[str | None, bytes]:
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if boundary is None:
        return None, b""
    for part in body.split(b"--" + boundary[1].encode()):
        head, blank_line, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="file"; filename="([^"]*)"', head)
        if blank_line and name:
            return name[1].decode(), content.removesuffix(b"\r\n")
    return None, b""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], engine: TrapEngine) -> None:
        self.engine = engine
        self._open: set[_Handler] = set()
        super().__init__(address, _Handler)

    def remember(self, handler: "_Handler") -> None:
        self._open.add(handler)

    def forget(self, handler: "_Handler") -> None:
        self._open.discard(handler)

    def close_connections(self) -> None:
        """Reset what is still connected, as the end of a process does."""
        for handler in list(self._open):
            handler.cut()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.remember(self)

    def finish(self) -> None:
        self.server.forget(self)
        try:
            super().finish()
        except OSError:
            self.close_connection = True  # the client, or a fault, has closed it already

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):
            self.close_connection = True  # cut by a fault, by go_down, or by the client

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        """Keep the test output clean; the call log has it all."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_DELETE(self) -> None:
        self._send(self.server.engine.delete(self.path.rpartition("/")[2]))

    def do_POST(self) -> None:
        self._serve("POST")

    def cut(self) -> None:
        """Close the connection at once, without a word."""
        self.close_connection = True
        try:
            self.connection.shutdown(2)
        except OSError:
            return  # closed from the other side already

    def _serve(self, method: str) -> None:
        engine = self.server.engine
        body = self._read_body()
        target = urlsplit(self.path)
        if target.path == "/_control":
            self._send(self._steer(method, body))
            return
        call, parts = _route(method, target.path)
        fault = engine.record(call, method, self.path, body, dict(self.headers.items()))
        if engine.token is not None and self.headers.get("Authorization") != f"Bearer {engine.token}":
            self._send(Reply(401, b'{"success": false, "error": "a bearer token is needed"}'))
            return
        if fault is not None and not self._is_done_anyway(fault):
            self._fail(fault)
            return
        if fault is not None and fault.kind is FaultKind.SLOW:
            engine.closing.wait(fault.seconds)
        if call is Call.STREAM:
            self._stream(parts["id"])
            return
        if call is Call.STOP:
            engine.closing.wait(engine.stop_wait_seconds(parts["id"]))
        reply = engine.handle(call, parts, parse_qs(target.query), body, self.headers.get("Content-Type", ""))
        if fault is None or fault.kind is FaultKind.SLOW:
            self._send(reply)
        elif fault.kind is FaultKind.DO_AND_500:
            self._send(Reply(500, b'{"success":false,"error":"engine fault"}'))
        elif fault.kind is FaultKind.TRICKLE_BODY:
            self._trickle(reply, fault.seconds, headers_too=False)
        elif fault.kind is FaultKind.TRICKLE_HEADERS:
            self._trickle(reply, fault.seconds, headers_too=True)
        else:
            if fault.kind is FaultKind.DO_AND_HANG:
                engine.closing.wait(fault.seconds)
            self.cut()

    @staticmethod
    def _is_done_anyway(fault: Fault) -> bool:
        return fault.kind in {
            FaultKind.DO_AND_CUT,
            FaultKind.DO_AND_500,
            FaultKind.DO_AND_HANG,
            FaultKind.TRICKLE_BODY,
            FaultKind.TRICKLE_HEADERS,
            FaultKind.SLOW,
        }

    def _steer(self, method: str, body: bytes) -> Reply:
        engine = self.server.engine
        if method == "GET":
            return Reply(200, json.dumps(engine.report()).encode())
        try:
            engine.control(Control.model_validate_json(body))
        except (ValueError, TypeError) as exc:
            return Reply(400, str(exc).encode(), "text/plain")
        return Reply(200, json.dumps({"ok": True}).encode())

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _send(self, reply: Reply) -> None:
        self.wfile.write(self._head(reply) + reply.body)

    def _head(self, reply: Reply) -> bytes:
        lines = [
            f"HTTP/1.1 {reply.status} X",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _trickle(self, reply: Reply, seconds: float, *, headers_too: bool) -> None:
        head = self._head(reply)
        slow = head + reply.body if headers_too else reply.body
        if not headers_too:
            self.wfile.write(head)
        until = time.monotonic() + seconds
        for position in range(len(slow)):
            if time.monotonic() > until or self.server.engine.closing.is_set():
                self.cut()
                return
            self.wfile.write(slow[position : position + 1])
            self.server.engine.closing.wait(_TRICKLE_SECONDS)

    def _stream(self, execution_id: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        self.close_connection = True
        for event in self.server.engine.snapshots(execution_id):
            self.wfile.write(event)

    def _fail(self, fault: Fault) -> None:
        html = b"<html><body><h1>Bad gateway</h1></body></html>"
        match fault.kind:
            case FaultKind.CUT:
                self.cut()
            case FaultKind.HANG:
                self.server.engine.closing.wait(fault.seconds)
                self.cut()
            case FaultKind.ERROR_500:
                self._send(Reply(500, b'{"success":false,"error":"engine fault"}'))
            case FaultKind.PROXY_502:
                self._send(Reply(502, html, "text/html"))
            case FaultKind.PROXY_504:
                self._send(Reply(504, html, "text/html"))
            case FaultKind.BUSY_503:
                self._send(Reply(503, b"", headers={"Retry-After": "7"}))
            case FaultKind.FRAMEWORK_400:
                self._send(_framework_400("validation failed"))
            case FaultKind.HTML_200:
                self._send(Reply(200, html, "text/html"))
            case FaultKind.HTML_404:
                self._send(Reply(404, html, "text/html"))
            case FaultKind.EMPTY_404:
                self._send(Reply(404))
            case FaultKind.WRONG_JSON:
                self._send(Reply(200, b'{"success": true, "data": {"executionId": "ab'))
            case FaultKind.WRONG_SHAPE:
                self._send(Reply(200, b'{"success": true, "data": {"executionId": 7, "totalRequests": "many"}}'))
            case FaultKind.OTHER_RUN:
                self._send(Reply(200, b'{"success":true,"data":{"executionId":"ffffffff","status":"COMPLETED"}}'))
            case FaultKind.DEEP_JSON:
                self._send(Reply(200, b"[" * 100_000))
            case FaultKind.HUGE:
                self._send(Reply(200, _HUGE_BODY))
            case FaultKind.NOT_HTTP:
                self.wfile.write(b"220 mail.example ESMTP\r\n\r\n")
                self.cut()
            case FaultKind.REDIRECT:
                self._send(Reply(302, b"", headers={"Location": "/login"}))
            case _:
                raise ValueError(f"{fault.kind} is answered elsewhere")


def _route(method: str, path: str) -> tuple[Call, Mapping[str, str]]:
    for wanted, pattern, call in _ROUTES:
        match = re.fullmatch(pattern, path) if method == wanted else None
        if match is not None:
            return call, {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
    return Call.OTHER, {}


def main() -> None:
    """Serve until interrupted; prints the URL when it listens."""
    parser = argparse.ArgumentParser(description="A load engine with programmable traps, for tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-traps", action="store_true", help="begin as an engine without any trap")
    arguments = parser.parse_args()
    with TrapEngine(Traps() if arguments.no_traps else DEPLOYED, port=arguments.port) as engine:
        print(f"listening on {engine.url}", flush=True)
        try:
            engine.closing.wait()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    main()
