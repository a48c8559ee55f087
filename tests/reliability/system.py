"""The whole system under simulation: the real functions of template.yaml, the real state machine, a real database."""

import importlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, select
from tandem import bootstrap
from tandem.adapters.database import tables
from tandem.adapters.database.transactions import SqlUnitOfWork
from tandem.bootstrap import Application
from tandem.domain import load_engine
from tandem.domain.definition import Entry
from tandem.domain.engine_entry import EngineEntry, EngineState
from tandem.domain.engine_pool import EngineAction
from tandem.domain.limits import Limits
from tandem.domain.listed_loads import NAME_PREFIX
from tandem.domain.load_engine import LoadEngine
from tandem.domain.messages import Channel, Message
from tandem.domain.timestamps import iso_utc
from tandem.settings import Settings
from tandem.telemetry import logger

from local.template import Template, load_template
from tests.factories.experiments import OWNER, definition, strategy
from tests.fakes import trap_engine
from tests.fakes.engine_traps import DEPLOYED, Call, Traps
from tests.fakes.trap_engine import TrapEngine
from tests.reliability.fis import SimulatedFis
from tests.reliability.interpreter import Execution, ExecutionFailed, Json, TaskError
from tests.reliability.ports import (
    CommitFaults,
    HttpSimulatedEngine,
    SimulatedDatabase,
    SimulatedEngine,
    SimulatedPool,
    SimulatedSender,
    SimulatedTransport,
    SimulatedWorkflows,
)
from tests.reliability.simulation import EPOCH, CountedIds, Process, SimulatedClock, Simulation

PROJECT = Path(__file__).resolve().parents[2]
LIMITS = Limits(gate_poll=1.0, message_batch=100)
LIST_LIMIT = 4
SWEEP_EVERY_SECONDS = 30.0
REDELIVERY_SECONDS = 60.0
"""When an event whose function failed comes again; the bus of this model never gives up."""


@cache
def the_template() -> Template:
    return load_template(PROJECT / "template.yaml")


@cache
def the_definition() -> dict[str, Json]:
    [machine] = the_template().state_machines.values()
    parsed: dict[str, Json] = json.loads(machine.definition)
    return parsed


@cache
def handler_of(logical_id: str) -> tuple[Callable[[Any, object], Any], float]:
    """A function's handler and its timeout in seconds, as the template has them."""
    function = the_template().functions[logical_id]
    handler: Callable[[Any, object], Any] = getattr(importlib.import_module(function.module), function.attribute)
    return handler, float(function.timeout)


@dataclass(slots=True)
class Heard:
    """One event as the platform got it; ``at`` in simulated seconds."""

    name: str
    body: Mapping[str, Any]
    at: float


@dataclass(slots=True)
class StepFunctionsExecution:
    """An execution as Step Functions knows it."""

    arn: str
    given: Json
    status: str = "RUNNING"
    state: str = ""


@dataclass(slots=True)
class Tokens:
    """Answers to task tokens, and who waits for which."""

    answers: dict[str, Json] = field(default_factory=dict)
    waiting: dict[str, Callable[[], None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """One engine and the way to it."""

    name: str
    engine: TrapEngine
    transport: SimulatedTransport

    @property
    def url(self) -> str:
        return f"http://{self.name}.test"


class System:
    """One run of the system, from an empty database on. ``http_engine`` is asked over real HTTP when it is given."""

    def __init__(self, seed: int, database: Engine, commit_faults: CommitFaults, over_http: bool = False) -> None:
        self.simulation = Simulation(seed)
        self.clock = SimulatedClock(self.simulation)
        # Short enough for a few loads of others to fill it; the client's limit is made the same.
        self._limits_before = (trap_engine._LIST_LIMIT, load_engine.LIST_LIMIT)
        self._application_before, self._log_level_before = bootstrap._holder.application, logger.log_level
        trap_engine._LIST_LIMIT = load_engine.LIST_LIMIT = LIST_LIMIT
        self.sides = [self._new_side("default")]
        self.over_http = over_http
        self.commit_faults = commit_faults
        self.commit_faults.planned.clear()
        self.commit_faults.met = 0
        self.commit_faults.skip = 0
        self.database = database
        self.heard: list[Heard] = []
        self.executions: dict[str, StepFunctionsExecution] = {}
        self.dead_letters: list[Message] = []
        self.delays: list[float] = []
        self.duplicate_stops = 0
        self.calm = True
        self.finishes_taken: set[str] = set()
        self.answers_without_strategy = False
        self.starts_taken: set[str] = set()
        self.stops_taken: dict[str, datetime] = {}
        self._expected_until = 0.0
        self.check_commit: Callable[[], None] = lambda: None
        self._tokens = Tokens()
        self._tokens_made = 0
        self._http_engine: HttpSimulatedEngine | None = None
        self._empty_database()
        self.application = self._application()
        bootstrap._holder.application = self.application
        logger.setLevel("CRITICAL")

    def _application(self) -> Application:
        application = Application(Settings(limits=LIMITS))
        ports = vars(application)
        ports["clock"] = self.clock
        ports["ids"] = CountedIds()
        ports["database"] = SimulatedDatabase(self.simulation, self.database, lambda: self.check_commit())
        if self.over_http:
            self.trap_engine.come_up()
            self._http_engine = HttpSimulatedEngine(self.simulation, self.trap_engine.url)
            engine: LoadEngine = self._http_engine
        else:
            engine = SimulatedEngine(self.transport)
        ports["connect_engine"] = lambda _name, url: next(
            (SimulatedEngine(side.transport) for side in self.sides[1:] if side.url == url), engine
        )
        ports["engines"] = SimulatedPool(
            self.simulation, ports["database"], application.settings.engines, ports["connect_engine"], self.clock
        )
        self.sender = SimulatedSender(self.simulation, self._deliver)
        self.workflows = SimulatedWorkflows(self.simulation, self._begin_execution, self._running)
        ports["workflows"] = self.workflows
        self.fis = SimulatedFis(self.simulation, self._tell_of_fault)
        ports["injections"] = self.fis
        ports["objects"] = None
        from tandem.services.deliver_messages import DeliverMessages

        ports["deliver"] = DeliverMessages(ports["database"], self.sender, self.clock, LIMITS)
        return application

    def _new_side(self, name: str) -> Side:
        engine = TrapEngine(DEPLOYED, now=lambda: EPOCH.timestamp() + self.simulation.now)
        # Each engine counts for itself, so that the loads of two of them have the same ids.
        numbers = itertools.count(0xE0000000)
        engine.new_id = lambda: f"{next(numbers):x}"
        return Side(name, engine, SimulatedTransport(self.simulation, engine))

    @property
    def trap_engine(self) -> TrapEngine:
        """The default engine."""
        return self.sides[0].engine

    @property
    def transport(self) -> SimulatedTransport:
        """The way to the default engine."""
        return self.sides[0].transport

    def add_engine(self, name: str) -> None:
        """From now on the pool has this engine too."""
        self.sides.append(self._new_side(name))
        entry = EngineEntry(name, self.sides[-1].url)
        self._at_once(lambda uow: uow.engines.put(entry, self.clock.now()))

    def side(self, name: str) -> Side:
        """The engine of that name."""
        return next(side for side in self.sides if side.name == name)

    def any_side(self) -> Side:
        """One of the engines, by the life's own chance."""
        return self.sides[0] if len(self.sides) == 1 else self.simulation.random.choice(self.sides)

    def set_traps(self, traps: Traps) -> None:
        """How the loads behave that start from now on, wherever."""
        for side in self.sides:
            side.engine.set_traps(traps)

    def engines_state(self, name: str, state: EngineState) -> None:
        """An operator drains an engine, or has it take loads again."""
        action = EngineAction.DRAIN if state is EngineState.DRAINING else EngineAction.ACTIVATE

        def work() -> None:
            self.application.manage_engines(action, EngineEntry(name))

        self.simulation.begin("operator", work, lambda process: None, 30)

    def _empty_database(self) -> None:
        with self.database.begin() as connection:
            for table in tables.metadata.sorted_tables:
                connection.execute(delete(table))

    def close(self) -> None:
        """End what still runs, so that nothing of this run reaches the next one."""
        self.simulation.kill_everything("the run is over")
        self.simulation.forget_everything_due()
        if self._http_engine is not None:
            self._http_engine.close()
            self.trap_engine.__exit__(None, None, None)
        trap_engine._LIST_LIMIT, load_engine.LIST_LIMIT = self._limits_before
        bootstrap._holder.application = self._application_before
        logger.setLevel(self._log_level_before)

    # --- what the outside does --------------------------------------------------------------------------------------

    def plan(self, number: int, **changes: Any) -> None:
        """An experiment with a strategy of its own, and with threads that no two or three engines share evenly."""
        planned = definition(
            definition_id=f"ldef_{number}",
            name=f"plan {number}",
            entry=Entry.JMX,
            url_case=None,
            content_ref="uploads/testplans/x.jmx",
            threads=7,
        )
        kept = strategy(
            strategy_id=f"lstrategy_{number}",
            definition_id=planned.definition_id,
            experiment_id=self._experiment_id(number),
            **changes,
        )

        def add(uow: SqlUnitOfWork) -> None:
            uow.definitions.add(planned)
            uow.strategies.add(kept)

        self._at_once(add)

    def start_experiment(
        self,
        number: int,
        *,
        copies: Sequence[float] = (0.0,),
        fault_in: float | None = None,
        fault_seconds: float | None = None,
        **changes: Any,
    ) -> None:
        """The platform starts an experiment; its event comes after each of these delays.

        ``fault_seconds``: it is one of FIS, whose fault lasts so long.
        """
        if fault_seconds is not None:
            self.fis.seconds_of[f"EXT{number}"] = fault_seconds
            self.expect_until(fault_seconds)
        self.plan(number, **changes)
        fault_at = None if fault_in is None else iso_utc(self.clock.now() + timedelta(seconds=fault_in))
        for delay in copies:
            self.event_after(
                delay,
                "ExperimentStarting",
                experimentId=self._experiment_id(number),
                experimentTaskId=f"et-{number}",
                userId="alice",
                faultAt=fault_at,
            )

    def answer_without_strategy(self) -> None:
        """The operator wants a window for experiments without a strategy too."""
        from tandem.services.note_announcement import NoteAnnouncement

        application = self.application
        self.answers_without_strategy = True
        vars(application)["note_announcement"] = NoteAnnouncement(
            application.database, application.deliver, self.clock, LIMITS, answers=True
        )

    def announce_without_strategy(self, number: int, copies: Sequence[float]) -> None:
        """The platform starts an experiment that nobody has made a strategy for."""
        for delay in copies:
            self.event_after(
                delay,
                "ExperimentStarting",
                experimentId=self._experiment_id(number),
                experimentTaskId=f"et-{number}",
                userId="alice",
            )

    def _experiment_id(self, number: int) -> str:
        return f"fis:EXT{number}" if f"EXT{number}" in self.fis.seconds_of else f"exp-{number}"

    def _tell_of_fault(self, detail: Json) -> None:
        self.simulation.after(0.0, lambda: self._deliver_event("OnFisStateChangeFunction", {"detail": detail}))

    def event_after(self, seconds: float, detail_type: str, **detail: Any) -> None:
        """The platform puts an event; it reaches its function after so long, and again until it was taken."""
        logical_id = {
            "ExperimentStarting": "OnExperimentStartingFunction",
            "ExperimentFinished": "OnExperimentFinishedFunction",
        }[detail_type]
        self.expect_until(seconds)
        event = {"id": "e", "detail-type": detail_type, "detail": {k: v for k, v in detail.items() if v is not None}}
        self.simulation.after(seconds, lambda: self._deliver_event(logical_id, event))

    def _deliver_event(self, logical_id: str, event: Json) -> None:
        def ended(process: Process) -> None:
            if process.killed or process.error is not None:
                self.simulation.after(REDELIVERY_SECONDS, lambda: self._deliver_event(logical_id, event))
            elif logical_id == "OnExperimentFinishedFunction":
                self.finishes_taken.add(event["detail"]["experimentTaskId"])
            elif logical_id == "OnExperimentStartingFunction":
                self.starts_taken.add(event["detail"]["experimentTaskId"])

        self.call(logical_id, event, ended)

    def sweep(self) -> None:
        """One tick of the sync."""
        self.call("SyncTasksFunction", {}, lambda process: None)

    def stop_by_user(self, number: int) -> None:
        """StopLoadTestTask; a user whose request fails asks again."""
        from tandem.domain.ports import TaskKey
        from tandem.domain.task import TaskNotFound

        def work() -> None:
            try:
                self.application.request_stop(OWNER, TaskKey(experiment_task_id=f"et-{number}"))
                self.stops_taken.setdefault(f"et-{number}", self.clock.now())
            except TaskNotFound:
                self.simulation.say("no such task")

        self.simulation.begin("api stop", work, lambda process: None, 29)

    def look_by_user(self, number: int) -> None:
        """SyncLoadTestTaskStatus; whatever it answers."""
        from tandem.domain.errors import AppError
        from tandem.domain.ports import TaskKey

        def work() -> None:
            try:
                self.application.sync_one_task(OWNER, TaskKey(experiment_task_id=f"et-{number}"))
            except AppError as error:
                self.simulation.say(f"answered {error.code}")

        self.simulation.begin("api sync", work, lambda process: None, 29)

    def call(self, logical_id: str, payload: Json, ended: Callable[[Process], None]) -> Process:
        """Invoke a function of the template in a process of its own."""
        handler, limit = handler_of(logical_id)
        name = logical_id.removesuffix("Function")
        return self.simulation.begin(name, lambda: handler(payload, None), ended, limit)

    def others_start_loads(self, count: int, seconds: int = 60) -> None:
        """Somebody else uses the engine too."""
        for _ in range(count):
            body = json.dumps({"testPlanPath": "p.jmx", "testName": "somebody else's", "duration": seconds}).encode()
            for side in self.sides:
                side.engine.handle(Call.START, {}, {}, body, "")

    def kill_the_machine(self) -> None:
        """Everything in memory is gone: processes, executions, and what was on its way. The database stays."""
        self.simulation.trace.append(f"{self.simulation.now:9.3f} -: the machine is killed")
        self.simulation.kill_everything("the machine died")
        self.simulation.forget_everything_due()
        for execution in self.executions.values():
            if execution.status == "RUNNING":
                execution.status = "LOST"

    # --- messages out -----------------------------------------------------------------------------------------------

    def _deliver(self, message: Message) -> None:
        match message.channel:
            case Channel.EVENT_BUS:
                self.heard.append(Heard(message.topic, dict(message.body), self.simulation.now))
            case Channel.WORKFLOW:
                self._answer(message.topic, dict(message.body))
            case Channel.STOP_QUEUE:
                copies = 1
                if self.duplicate_stops:
                    self.duplicate_stops -= 1
                    copies = 2
                for _ in range(copies):
                    delay = self.delays.pop(0) if self.delays else 0.0
                    self.simulation.after(delay, lambda: self._work_off(message, 1))

    def _work_off(self, message: Message, received: int) -> None:
        queue = the_template().queues["StopQueue"]

        def ended(process: Process) -> None:
            if not process.killed and process.error is None and not process.result["batchItemFailures"]:
                return
            if received >= (queue.max_receive_count or 1):
                self.dead_letters.append(message)
                return
            self.simulation.after(queue.visibility_timeout, lambda: self._work_off(message, received + 1))

        record = {"messageId": "m", "body": json.dumps(dict(message.body))}
        self.call("OnStopRequestedFunction", {"Records": [record]}, ended)

    # --- Step Functions ---------------------------------------------------------------------------------------------

    def _running(self) -> set[str]:
        return {execution.arn for execution in self.executions.values() if execution.status == "RUNNING"}

    def _begin_execution(self, name: str, payload: Mapping[str, object]) -> None:
        if name in self.executions:
            return
        execution = StepFunctionsExecution(f"arn:execution:{name}", json.loads(json.dumps(payload)))
        self.executions[name] = execution

        def enter(state: str) -> None:
            execution.state = state
            self.simulation.say(f"enters {state}")

        def ended(process: Process) -> None:
            if process.killed:
                execution.status = "LOST"
                return
            if process.error is not None and not isinstance(process.error, ExecutionFailed):
                raise process.error
            execution.status = "SUCCEEDED" if process.error is None else "FAILED"
            if isinstance(process.error, ExecutionFailed):
                detail = {
                    "status": "FAILED",
                    "input": json.dumps(execution.given),
                    "error": process.error.error,
                    "cause": process.error.cause,
                }
                self._deliver_event("OnWorkflowFailedFunction", {"detail": detail})

        running = Execution(the_definition(), execution.arn, _Surroundings(self), enter)
        self.simulation.begin(f"workflow {name[:5]}", lambda: running.run(execution.given), ended)

    def _answer(self, token: str, output: Json) -> None:
        self._tokens.answers.setdefault(token, json.loads(json.dumps(output)))
        wake = self._tokens.waiting.pop(token, None)
        if wake is not None:
            self.simulation.after(0, wake)

    # --- the end of the faults --------------------------------------------------------------------------------------

    @property
    def late_until(self) -> float:
        """When the last thing that was set going has happened."""
        return self._expected_until

    def expect_until(self, seconds: float) -> None:
        """Something that was set going will still happen so much later."""
        self._expected_until = max(self._expected_until, self.simulation.now + seconds)

    def end_of_faults(self) -> None:
        """From now on nothing goes wrong, and the engine does what it is told."""
        self.simulation.kill_after.clear()
        self.simulation.trace.append(f"{self.simulation.now:9.3f} -: the faults are over")
        self.commit_faults.planned.clear()
        self.sender.faults.clear()
        self.workflows.faults.clear()
        self.fis.faults.clear()
        self.fis.events_to_lose = 0
        for side in self.sides:
            side.transport.late_starts.clear()
            side.transport.down_until = 0.0
            engine = side.engine
            engine.clear_faults()
            engine.set_traps(replace(engine.traps, stop_is_ignored=False))
            for execution_id, run in [*engine._runs.items(), *engine._forgotten.items()]:
                engine.set_traps_for(execution_id, replace(run.traps, stop_is_ignored=False))

    def quiet(self) -> bool:
        """Whether nothing is left to do and nothing is under way."""
        return (
            not self.simulation.processes
            and self.simulation.now > self._expected_until
            and not self._running()
            and not self.our_loads()
            and not self.fis.running
            and not self.rows(tables.outbox)
            and all(row.settled for row in self.rows(tables.run))
        )

    def our_loads(self) -> set[str]:
        """Where which loads of ours send requests now, whatever the engines tell."""
        return {f"{each} on {side.name}" for side in self.sides for each in self._loads_on(side.engine)}

    def _loads_on(self, engine: TrapEngine) -> set[str]:
        return {each for each, name in engine._begun if name.startswith(NAME_PREFIX)} & engine.running()

    # --- looking without taking part --------------------------------------------------------------------------------

    def _at_once(self, work: Callable[[SqlUnitOfWork], Any]) -> Any:
        planned, self.commit_faults.planned[:] = list(self.commit_faults.planned), []
        with self.database.begin() as connection:
            result = work(SqlUnitOfWork(connection))
        self.commit_faults.planned[:] = planned
        return result

    def audit_after(self, last: int) -> list[Any]:
        """The lines of the audit that came after one."""
        query = select(tables.audit).where(tables.audit.c.id > last).order_by(tables.audit.c.id)
        return list(self._at_once(lambda uow: uow.runs._connection.execute(query).all()))

    def rows(self, table: Any) -> list[Any]:
        """All rows of a table, oldest first."""
        key = table.c.id if "id" in table.c else table.c.name
        return list(self._at_once(lambda uow: uow.runs._connection.execute(select(table).order_by(key)).all()))


class _Surroundings:
    """What the interpreter needs, over the simulation."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._simulation = system.simulation

    def moment(self) -> float:
        return self._simulation.now

    def moment_of(self, timestamp: datetime) -> float:
        return (timestamp - EPOCH).total_seconds()

    def wait_until(self, moment: float) -> None:
        if moment > self._simulation.now:
            self._simulation.pause(moment - self._simulation.now)

    def jitter(self) -> float:
        return self._simulation.random.random()

    def call_fis(self, action: str, parameters: Json) -> Json:
        return self._system.fis.call(action, parameters)

    def new_token(self) -> str:
        self._system._tokens_made += 1
        return f"token-{self._system._tokens_made}"

    def invoke(self, function: str, payload: Json, until: float) -> Json:
        found = the_template().function_by_arn(function)
        assert found is not None, function
        me = self._simulation.current
        assert me is not None
        wake = me.waker()
        process = self._system.call(found.logical_id, payload, lambda process: wake())
        self._simulation.after(max(0.0, until - self._simulation.now), wake)
        self._simulation.park()
        if not process.ended:
            raise TaskError("States.Timeout")
        if process.killed:
            raise TaskError("Lambda.Unknown", "the function's process ended")
        if process.error is not None:
            raise TaskError(type(process.error).__name__, str(process.error))
        return process.result

    def wait_for_token(self, token: str, until: float) -> Json:
        tokens = self._system._tokens
        if token not in tokens.answers:
            me = self._simulation.current
            assert me is not None
            wake = me.waker()
            tokens.waiting[token] = wake
            self._simulation.after(max(0.0, until - self._simulation.now), wake)
            self._simulation.park()
            tokens.waiting.pop(token, None)
        if token not in tokens.answers:
            tokens.answers[token] = None  # too late from now on: TaskTimedOut
            raise TaskError("States.Timeout")
        return tokens.answers[token]
