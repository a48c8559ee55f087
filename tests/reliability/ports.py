"""The outside of the services under simulation: each call gives way first, and may be the last that its caller did."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpcore
import pymysql
from sqlalchemy import Engine, event
from tandem.adapters.database import tables
from tandem.adapters.database.transactions import SqlDatabase
from tandem.adapters.engine.answer import Answer
from tandem.adapters.engine.client import HttpLoadEngine
from tandem.adapters.engine.errors import engine_error
from tandem.adapters.engine.settings import EngineSettings
from tandem.adapters.engine.transport import Transport
from tandem.domain.errors import EngineError, WorkflowUnavailable
from tandem.domain.load_engine import LoadEngine, StatusAnswer
from tandem.domain.messages import Channel, Message
from tandem.domain.ports import StoredMessage, UnitOfWork
from tandem.services.engine_pool import EnginePool

from tests.fakes.engine_traps import Call, FaultKind
from tests.fakes.trap_engine import Reply, TrapEngine, _route
from tests.reliability.simulation import Process, SimulatedClock, Simulation

T = TypeVar("T")


# --- the database -----------------------------------------------------------------------------------------------------


class CommitFault(StrEnum):
    """NOT_DONE: the commit failed. ANSWER_LOST: it was done, and nobody heard of it."""

    NOT_DONE = "NOT_DONE"
    ANSWER_LOST = "ANSWER_LOST"


class CommitFaults:
    """Hits the driver's commits, so that the real retries meet real errors of the driver."""

    def __init__(self, engine: Engine) -> None:
        self.planned: list[CommitFault] = []
        self.met = 0
        self.skip = 0
        self.audit_written = False
        self.runs_written = False
        event.listen(engine, "before_cursor_execute", self._note_writes)
        self._is_sqlite = engine.dialect.name == "sqlite"
        commit = engine.dialect.do_commit

        def faulty_commit(connection: Any) -> None:
            if not self.planned or self.skip > 0:
                self.skip -= bool(self.planned)
                commit(connection)
                return
            fault = self.planned.pop(0)
            self.met += 1
            if fault is CommitFault.ANSWER_LOST:
                commit(connection)
            else:
                engine.dialect.do_rollback(connection)
            raise self._error()

        engine.dialect.do_commit = faulty_commit  # type: ignore[method-assign,assignment]

    def _note_writes(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(f"INSERT INTO {tables.audit.name}"):
            self.audit_written = True
        elif statement.startswith("UPDATE ") and f"{tables.run.name} " in statement:
            self.runs_written = True

    def _error(self) -> Exception:
        if self._is_sqlite:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorname = "SQLITE_BUSY"
            return error
        return pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")


class SimulatedDatabase(SqlDatabase):
    """The real Database port with its retries; each transaction is one effect."""

    def __init__(self, simulation: Simulation, engine: Engine, committed: Callable[[], None]) -> None:
        super().__init__(engine, sleep=simulation.pause)
        self._simulation = simulation
        self._committed = committed

    def write(self, work: Callable[[UnitOfWork], T]) -> T:
        self._simulation.approach("database")
        result = super().write(work)
        self._committed()
        self._simulation.done("commit")
        return result

    def read(self, work: Callable[[UnitOfWork], T]) -> T:
        self._simulation.approach("database")
        return super().read(work)


# --- the load engine --------------------------------------------------------------------------------------------------

_HTML = b"<html><body><h1>Bad gateway</h1></body></html>"
_WRONG_REPLIES = {
    FaultKind.ERROR_500: Reply(500, b'{"success":false,"error":"engine fault"}'),
    FaultKind.PROXY_502: Reply(502, _HTML, "text/html"),
    FaultKind.BUSY_503: Reply(503, b"", headers={"Retry-After": "7"}),
    FaultKind.FRAMEWORK_400: Reply(400, b'{"status": 400, "error": "Bad Request", "message": "validation failed"}'),
    FaultKind.HTML_200: Reply(200, _HTML, "text/html"),
    FaultKind.HTML_404: Reply(404, _HTML, "text/html"),
    FaultKind.EMPTY_404: Reply(404),
    FaultKind.WRONG_JSON: Reply(200, b'{"success": true, "data": {"executionId": "ab'),
    FaultKind.WRONG_SHAPE: Reply(200, b'{"success": true, "data": {"executionId": 7, "totalRequests": "many"}}'),
    FaultKind.OTHER_RUN: Reply(200, b'{"success":true,"data":{"executionId":"ffffffff","status":"COMPLETED"}}'),
}
SIMULATED_KINDS = (*_WRONG_REPLIES, FaultKind.CUT, FaultKind.DO_AND_CUT, FaultKind.DO_AND_500, FaultKind.HANG)
"""The faults of the trap engine that the simulated transport knows."""


class SimulatedTransport:
    """In place of the client's transport: calls the trap engine in this process, under virtual time."""

    ssl_context = None

    def __init__(self, simulation: Simulation, engine: TrapEngine) -> None:
        self._simulation = simulation
        self._engine = engine
        self.down_until = 0.0
        self.late_starts: list[float] = []
        self.sweeping: set[Process] = set()
        self.before_answer: dict[Call, Callable[[], object]] = {}
        self.not_found: dict[str, int] = {}

    def close(self) -> None:
        """Nothing is kept open."""

    def read(self, path: str, doing: str, *, call_seconds: float = 15.0, limit: int = 0) -> Answer:
        return self._call("GET", path, b"", doing, call_seconds)

    def write(
        self,
        path: str,
        doing: str,
        *,
        call_seconds: float,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return self._call("POST", path, body, doing, call_seconds)

    def _call(self, method: str, path: str, body: bytes, doing: str, seconds: float) -> Answer:
        target = urlsplit(path)
        call, parts = _route(method, target.path)
        self._simulation.approach(f"engine {call} {parts.get('id', '')}")
        if call is Call.LIST and (process := self._asked_by_a_sweep()) is not None:
            self.sweeping.add(process)
        if self._simulation.now < self.down_until:
            raise engine_error(httpcore.ConnectError("refused"), doing)
        fault = self._engine.record(call, method, path, body, {})
        kind = None if fault is None else fault.kind
        if kind is not None:
            self._simulation.say(f"  the engine's fault: {kind}")
        if kind is FaultKind.CUT:
            raise engine_error(httpcore.ReadError("cut"), doing)
        if kind is FaultKind.HANG:
            self._simulation.pause(seconds)
            raise engine_error(httpcore.ReadTimeout("hung"), doing)
        if kind in _WRONG_REPLIES:
            reply = _WRONG_REPLIES[kind]
        else:
            reply = self._do(call, parts, parse_qs(target.query), body, doing, seconds)
            if method == "POST":
                self._simulation.done(f"engine {call}")
        if call in self.before_answer:
            self.before_answer[call]()
        if call is Call.STATUS:
            self._count_404(parts["id"], reply)
        elif call is Call.LIST and kind is None and self._asked_by_a_sweep():
            for run in json.loads(reply.body).get("data", []):
                self.not_found[run["executionId"]] = 0
        if kind is FaultKind.DO_AND_CUT:
            raise engine_error(httpcore.ReadError("cut"), doing)
        if kind is FaultKind.DO_AND_500:
            reply = _WRONG_REPLIES[FaultKind.ERROR_500]
        return Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.body)

    def _asked_by_a_sweep(self) -> Process | None:
        process = self._simulation.current
        return process if process is not None and process.name == "SyncTasks" else None

    def _count_404(self, execution_id: str, reply: Reply) -> None:
        """How many answers running were 404; a good answer in between begins anew, silence does not."""
        if reply.status == 404:
            self.not_found[execution_id] = self.not_found.get(execution_id, 0) + 1
        elif reply.status == 200 and reply not in _WRONG_REPLIES.values():
            self.not_found[execution_id] = 0

    def _do(
        self,
        call: Call,
        parts: Mapping[str, str],
        query: Mapping[str, list[str]],
        body: bytes,
        doing: str,
        seconds: float,
    ) -> Reply:
        takes = self._engine.stop_wait_seconds(parts["id"]) if call is Call.STOP else 0.0
        if call is Call.START and self.late_starts:
            takes = self.late_starts.pop(0)
        if takes == 0:
            return self._engine.handle(call, parts, query, body, "")
        # The engine goes on with it whether or not the caller lives, or waits for so long.
        replies: list[Reply] = []
        self._simulation.after(takes, lambda: replies.append(self._engine.handle(call, parts, query, body, "")))
        self._simulation.pause(min(takes, seconds) + 0.001)
        if not replies:
            raise engine_error(httpcore.ReadTimeout("too slow"), doing)
        return replies[0]


class SimulatedEngine(HttpLoadEngine):
    """The real client over the simulated transport."""

    def __init__(self, transport: SimulatedTransport) -> None:
        super().__init__(EngineSettings(base_url="http://engine.test"))
        self._transport = transport  # type: ignore[assignment]

    def _ask_each(
        self, execution_ids: Sequence[str], until: float, after: EngineError | None
    ) -> Mapping[str, StatusAnswer]:
        answers: dict[str, StatusAnswer] = {}
        for execution_id in execution_ids:
            try:
                answers[execution_id] = self.status(execution_id)
            except EngineError as error:
                answers[execution_id] = error
        return answers


class SimulatedPool(EnginePool):
    """The real pool; what it asks side by side takes turns like everything else, instead of in threads of its own."""

    def __init__(
        self,
        simulation: Simulation,
        database: SqlDatabase,
        from_settings: Mapping[str, str],
        connect: Callable[[str, str], LoadEngine],
        clock: SimulatedClock,
    ) -> None:
        super().__init__(database, from_settings, connect, clock)
        self._simulation = simulation

    def side_by_side(self, names: Sequence[str], ask: Callable[[str], T]) -> Mapping[str, T]:
        answers = self._simulation.side_by_side([partial(ask, name) for name in names])
        return dict(zip(names, answers, strict=True))


class SteppingTransport(Transport):
    """The real transport over real HTTP; each call is one effect."""

    def __init__(self, simulation: Simulation, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._simulation = simulation

    def read(self, path: str, doing: str, **more: Any) -> Answer:
        self._simulation.approach(f"engine {path}")
        return super().read(path, doing, **more)

    def write(self, path: str, doing: str, **more: Any) -> Answer:
        self._simulation.approach(f"engine {path}")
        answer = super().write(path, doing, **more)
        self._simulation.done(f"engine {path}")
        return answer


class HttpSimulatedEngine(HttpLoadEngine):
    """The real client over real HTTP to a trap engine that tells virtual time."""

    def __init__(self, simulation: Simulation, url: str) -> None:
        settings = EngineSettings(base_url=url)
        super().__init__(settings)
        self._transport.close()
        self._transport = SteppingTransport(simulation, settings)


# --- events, queue and workflows --------------------------------------------------------------------------------------


class SendFault(StrEnum):
    """NOT_SENT: refused. ANSWER_LOST: it arrived and we do not know. TWICE: it arrived two times."""

    NOT_SENT = "NOT_SENT"
    ANSWER_LOST = "ANSWER_LOST"
    TWICE = "TWICE"


class SimulatedSender:
    """The MessageSender port: answers to workflows first, then stops, then events, as the real one sends them."""

    def __init__(self, simulation: Simulation, deliver: Callable[[Message], None]) -> None:
        self._simulation = simulation
        self._deliver = deliver
        self.faults: list[SendFault] = []
        self.refuse_everything = False

    def send(self, messages: Sequence[StoredMessage]) -> list[str]:
        return list(self._send(messages))

    def _send(self, messages: Sequence[StoredMessage]) -> Iterator[str]:
        order = (Channel.WORKFLOW, Channel.STOP_QUEUE, Channel.EVENT_BUS)
        for stored in sorted(messages, key=lambda each: order.index(each.message.channel)):
            self._simulation.approach(f"send {stored.message.channel} {stored.message.topic}")
            fault = self.faults.pop(0) if self.faults else None
            if fault is SendFault.NOT_SENT or self.refuse_everything:
                continue
            for _ in range(2 if fault is SendFault.TWICE else 1):
                self._deliver(stored.message)
            self._simulation.done(f"sent {stored.message.channel}")
            if fault is not SendFault.ANSWER_LOST:
                yield stored.message_id


class StartFault(StrEnum):
    """How StartExecution or ListExecutions goes wrong."""

    NOT_DONE = "NOT_DONE"
    ANSWER_LOST = "ANSWER_LOST"


class SimulatedWorkflows:
    """The Workflows port over executions that ``begin`` starts."""

    def __init__(
        self,
        simulation: Simulation,
        begin: Callable[[str, Mapping[str, object]], None],
        running: Callable[[], set[str]],
    ) -> None:
        self._simulation = simulation
        self._begin = begin
        self._running = running
        self.faults: list[StartFault] = []

    def start(self, name: str, payload: Mapping[str, object]) -> None:
        self._simulation.approach("start execution")
        fault = self.faults.pop(0) if self.faults else None
        if fault is StartFault.NOT_DONE:
            raise WorkflowUnavailable("throttled")
        self._begin(name, payload)
        self._simulation.done("execution started")
        if fault is StartFault.ANSWER_LOST:
            raise WorkflowUnavailable("the answer was lost")

    def running(self, arns: Iterable[str]) -> set[str]:
        self._simulation.approach("list executions")
        if self.faults:
            self.faults.pop(0)
            raise WorkflowUnavailable("throttled")
        return set(arns) & self._running()
