"""The whole stack: AWS services, functions, gateway and engine, started and stopped in order.

Usable from a test as `with LocalStack(settings) as stack:`; one at a time in a process, since moto's state and the
functions' environment belong to the process.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import IO, Any

import alembic.util
import boto3
from botocore.config import Config
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from local.aws import AwsServices, mirror_directory
from local.box import BOX_PASSWORD, box_parameters, keep_box_login
from local.database_server import DatabaseServer, NoServer
from local.engine_process import EngineProcess
from local.environment import aws_environment, process_environment
from local.errors import StackError
from local.event_bus import EventBus
from local.event_journal import EventJournal
from local.functions import FunctionRuntime
from local.gateway import Gateway
from local.object_mirror import ObjectMirror
from local.plain_log import show_functions_plainly
from local.ports import choose, listen
from local.queues import QueuePollers
from local.resolve import REGION
from local.schedules import Pace, Schedules
from local.settings import PROJECT, ServerKind, Settings
from local.template import LOCAL_BUS_NAME, load_template
from local.timers import Timers

_log = logging.getLogger(__name__)

# Parameters of the template that have another value here; those that it does not declare are ignored.
LOCAL_PARAMETERS = {"EventBusName": LOCAL_BUS_NAME, "Stage": "local", "Environment": "local"}
# On AWS each function in flight is a process with one connection; here one process serves all of them.
LOCAL_VARIABLES = {
    # No CloudWatch reads what is measured here.
    "POWERTOOLS_METRICS_NAMESPACE": "",
    "TANDEM_DATABASE_POOL_SIZE": "20",
    # Only RDS asks for its certificates; and the migrations lie in the project, not in a layer.
    "TANDEM_DATABASE_CA_FILE": "",
    "TANDEM_MIGRATIONS_DIRECTORY": str(PROJECT / "migrations"),
}
_READY_SECONDS = 90.0
_DRAIN_SECONDS = 5.0
_POLLER_SECONDS = 2.0
_EXPIRE_EVERY_SECONDS = 3600.0
_LONGEST_CHANGE_OF_SCHEMA = 600
"""Seconds for one statement."""
_one_at_a_time = threading.Lock()


class LocalStack:
    """Everything of the template on this machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._cleanup = contextlib.ExitStack()
        self._starting: dict[str, str] = {}
        self._engines: list[EngineProcess] = []
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self.api_url = ""
        self.aws_url = ""
        self.engine_url = settings.engine_url

    def __enter__(self) -> LocalStack:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts all parts and returns when the stack is ready; on failure leaves nothing running.

        Raises StackError, PortInUse, TemplateError or FunctionLoadError, each with a sentence for the user.
        """
        if not _one_at_a_time.acquire(blocking=False):
            raise StackError("this process runs a local stack already")
        self._cleanup.callback(_one_at_a_time.release)
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops all parts in order; every step is bounded in time. Harmless when nothing runs."""
        self._cleanup.close()

    def missing(self) -> dict[str, str]:
        """What keeps the stack from being ready: part -> what it does at the moment."""
        waiting = dict(self._starting)
        if not all(engine.healthy for engine in self._engines):
            waiting["engine"] = "does not answer yet"
        return waiting

    def client(self, service: str) -> Any:
        """The boto3 client of one of the stack's AWS services; made once, as each costs some 0.3 s."""
        with self._clients_lock:
            if service not in self._clients:
                session: Any = boto3.session.Session("local", "local", "local", REGION)
                self._clients[service] = session.client(
                    service, endpoint_url=self.aws_url, config=Config(max_pool_connections=64)
                )
            return self._clients[service]

    def _start(self) -> None:
        settings, defer = self.settings, self._cleanup.callback
        settings.state_directory.mkdir(parents=True, exist_ok=True)
        _check_database_url(settings)
        self._lock_state_directory()
        api_listener = listen(settings.api_port, "TANDEM_API_PORT")
        defer(api_listener.close)
        aws_listener = listen(settings.aws_port, "TANDEM_AWS_PORT")
        defer(aws_listener.close)
        self.api_url = f"http://127.0.0.1:{api_listener.getsockname()[1]}"
        self.aws_url = f"http://127.0.0.1:{aws_listener.getsockname()[1]}"
        if settings.database_server is not None:
            settings = self.settings = self._with_server(settings, settings.database_server)
        if settings.start_engine:
            self._engines = [self._new_engine(number) for number in range(settings.engines)]
            self.engine_url = self._engines[0].url

        parameters = LOCAL_PARAMETERS | box_parameters(settings.variables)
        template = load_template(settings.template, parameters, self.aws_url)
        chosen = {
            name: value
            for name, value in settings.variables.items()
            if name.startswith("TANDEM_") and name != BOX_PASSWORD
        }
        given = {**LOCAL_VARIABLES, **chosen}
        given["TANDEM_DATABASE_URL"] = settings.effective_database_url
        if self.engine_url:
            given["TANDEM_ENGINE_URL"] = self.engine_url
        if self.more_engines:
            given["TANDEM_ENGINES"] = ",".join(f"{name}={url}" for name, url in self.more_engines.items())
        environment = {
            **template.shared_environment(given),
            **given,
            **aws_environment(self.aws_url, settings.variables),
        }
        self._cleanup.enter_context(process_environment(environment))

        timers = Timers()
        defer(timers.close)
        runtime = FunctionRuntime(template, timers)
        journal = EventJournal(settings.state_directory / "events.sqlite3")
        defer(journal.close)
        bus = EventBus(template, runtime, timers, journal)
        aws = AwsServices(template, runtime, bus, timers, settings.wait_scale)
        pace = Pace(settings.sync_seconds)
        schedules = Schedules(template, bus, timers, pace)
        gateway = Gateway(template, runtime, self.missing)
        self._starting = dict.fromkeys(("database", "aws", "functions", "schedules"), "starts")

        # From here on the parts start in the order of need; the calls deferred stop them in the order reversed.
        defer(aws.close)
        for engine in self._engines:
            defer(engine.close)
            engine.start()
        defer(_drain, runtime)
        defer(aws.abandon_executions)
        defer(bus.close)
        defer(schedules.close)
        defer(gateway.close)
        gateway.start(api_listener)
        runtime.prepare()
        self._part("database", self._migrate)
        mirror = ObjectMirror(mirror_directory(settings.state_directory), template.buckets.values())
        # The functions first: whatever AWS's port accepts from now on has somewhere to go.
        self._part("functions", runtime.load)
        if settings.plain_log:
            show_functions_plainly()
        self._part("aws", lambda: aws.start(aws_listener, pace, mirror, self._pages()))
        _expire_objects(mirror, timers)
        keep_box_login(self.client("secretsmanager"), settings.variables)
        pollers = QueuePollers(template, runtime)
        defer(pollers.close, _POLLER_SECONDS)
        pollers.start()
        # The first sweep comes with the start: it needs the engine to tell which loads still run.
        self._await_engine()
        bus.resume()
        self._part("schedules", schedules.start)

    @property
    def more_engines(self) -> dict[str, str]:
        """The URLs of the engines that were started beside the first one, by name."""
        return {f"engine-{number}": engine.url for number, engine in enumerate(self._engines[1:], 2)}

    def _pages(self) -> set[str]:
        """From where our own pages send files to S3, by either name of this machine."""
        return {self.api_url, self.api_url.replace("127.0.0.1", "localhost")}

    def _new_engine(self, number: int) -> EngineProcess:
        """The engines lie on ports next to each other, or on free ones, each with a directory of its own."""
        first = self.settings.engine_port
        port = choose(first and first + number, "TANDEM_ENGINE_PORT")
        return EngineProcess(
            port, self.settings.state_directory / ("engine" if number == 0 else f"engine-{number + 1}")
        )

    def _part(self, name: str, start: Callable[[], None]) -> None:
        began = time.monotonic()
        start()
        del self._starting[name]
        _log.info("%s ready after %.1f s", name, time.monotonic() - began)

    def _lock_state_directory(self) -> None:
        path = self.settings.state_directory / "stack.lock"
        file: IO[str] = self._cleanup.enter_context(path.open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise StackError(
                f"another local stack uses {self.settings.state_directory}: stop it, "
                "or set TANDEM_STATE_DIR and other ports"
            ) from exc

    def _with_server(self, settings: Settings, kind: ServerKind) -> Settings:
        """Starts the database server, and names it in the settings."""
        if settings.database_url is not None:
            raise StackError(f"TANDEM_DATABASE_URL and DATABASE={kind} name two databases: take one of them away")
        server = DatabaseServer(kind, settings.state_directory / kind)
        # Deferred first, so it is ended last.
        self._cleanup.callback(server.close)
        began = time.monotonic()
        try:
            server.start()
        except NoServer as exc:
            raise StackError(str(exc)) from exc
        _log.info("%s ready after %.1f s", kind, time.monotonic() - began)
        return replace(settings, database_url=server.create_database("tandem"))

    def _migrate(self) -> None:
        """Brings the database to the newest schema; a template without migrations beside it has no database.

        Two stacks that start on one database take turns.
        """
        directory = self.settings.template.parent / "migrations"
        if not (directory / "alembic.ini").exists():
            return
        # The functions' own code, which can be found since they were prepared.
        from tandem.adapters.database.connections import Connections, open_engine
        from tandem.adapters.database.schema import AlembicSchema
        from tandem.domain.errors import DatabaseUnavailable

        url = self.settings.effective_database_url
        try:
            shown = make_url(url).render_as_string(hide_password=True)
            engine = open_engine(Connections(url, answer_seconds=_LONGEST_CHANGE_OF_SCHEMA))
            self._cleanup.callback(engine.dispose)
            AlembicSchema(engine, directory).migrate()
        except DatabaseUnavailable as exc:
            cause = exc.__cause__
            words = _words_of(cause) if isinstance(cause, Exception) else str(exc)
            raise StackError(f"the database {shown} cannot be used: {words}") from exc
        except (SQLAlchemyError, alembic.util.CommandError) as exc:
            raise StackError(f"the database {shown} cannot be brought to the newest schema: {_words_of(exc)}") from exc

    def _await_engine(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while "engine" in self.missing() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _wait_until_ready(self) -> None:
        if waiting := self.missing():
            parts = ", ".join(f"{part} {state}" for part, state in waiting.items())
            raise StackError(f"the stack is not ready after {_READY_SECONDS:.0f} s: {parts}")


def _check_database_url(settings: Settings) -> None:
    """Before anything is started: whether the URL can be read, and its server be reached. Raises StackError."""
    if settings.database_url is None:
        return
    try:
        engine = create_engine(make_url(settings.database_url))
    except (ArgumentError, NoSuchModuleError, ImportError) as exc:
        raise StackError(f"TANDEM_DATABASE_URL is no database URL that can be used here: {_words_of(exc)}") from exc
    try:
        engine.connect().close()
    except SQLAlchemyError as exc:
        shown = engine.url.render_as_string(hide_password=True)
        raise StackError(f"the database {shown} cannot be reached: {_words_of(exc)}") from exc
    finally:
        engine.dispose()


def _words_of(trouble: Exception) -> str:
    """Its message, without SQLAlchemy's pointer to its own documentation."""
    return str(trouble).partition("(Background on this error at:")[0].strip()


def _expire_objects(mirror: ObjectMirror, timers: Timers) -> None:
    """Now and every hour."""

    def expire() -> None:
        mirror.expire(dt.datetime.now(tz=dt.UTC))
        timers.after(_EXPIRE_EVERY_SECONDS, expire)

    expire()


def _drain(runtime: FunctionRuntime) -> None:
    if not runtime.close(_DRAIN_SECONDS):
        _log.warning("some functions still ran after %.0f s and are abandoned", _DRAIN_SECONDS)
