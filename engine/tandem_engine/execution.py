"""One execution as it is remembered: ``execution.json`` (replaced atomically) and ``events.jsonl`` (appended)."""

import json
import os
import shutil
from collections import deque
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from tandem_engine.atomic_file import write_atomically
from tandem_engine.execution_request import ExecutionRequest, FileBeside
from tandem_engine.moments import iso_without_zone, now_ms
from tandem_engine.plan_groups import as_groups
from tandem_engine.processes import ProcessIdentity

STATE_FILE: Final = "execution.json"
_EVENTS_FILE: Final = "events.jsonl"
_TAIL_BYTES: Final = 4 * 1024 * 1024


class UnreadableState(Exception):
    """A state file holds no execution, or one of a version that we do not know."""


class Status(StrEnum):
    """The states of an execution; all but the first two are final."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    TIMEOUT = "TIMEOUT"

    @property
    def is_final(self) -> bool:
        """Whether the execution has ended."""
        return self not in (Status.PENDING, Status.RUNNING)


class EndCause(StrEnum):
    """Why the engine ends a run; recorded before the first means is taken, and never changed again."""

    REQUESTED = "REQUESTED"
    TIMEOUT = "TIMEOUT"
    DURATION = "DURATION"
    SHUTDOWN = "SHUTDOWN"
    SET_UP = "SET_UP"
    TEAR_DOWN = "TEAR_DOWN"
    RESULT_SIZE = "RESULT_SIZE"
    DISK_FULL = "DISK_FULL"


class Dashboard(StrEnum):
    """What has become of the HTML dashboard."""

    PENDING = "PENDING"
    READY = "READY"
    NONE = "NONE"
    FAILED = "FAILED"


@dataclass(slots=True)
class Execution:
    """One run. Moments are ms since 1970; ``process`` is None until JMeter was spawned.

    ``work``: the name of its working directory. ``plan_copy``: the run-time copy of its plan, if it lies elsewhere.
    ``thread_groups``: name and element of each thread group that runs. ``start_delay``: for how many seconds the plan
    itself lets no main group send. ``main_ended``: when its main groups were over, where tear-down groups followed.
    ``generator``: how its JMeter fared. ``user``: the user id of its JMeter, if that has one of its own.
    """

    execution_id: str
    directory_name: str
    request: ExecutionRequest
    stop_port: int
    created: int
    plan_copy: str | None = None
    status: Status = Status.PENDING
    started: int | None = None
    ended: int | None = None
    error_message: str | None = None
    process: ProcessIdentity | None = None
    end_cause: EndCause | None = None
    summary: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    dashboard: Dashboard = Dashboard.PENDING
    work: str | None = None
    user: int | None = None
    thread_groups: list[list[str]] = field(default_factory=list)
    start_delay: float = 0
    main_ended: int | None = None
    generator: dict[str, Any] | None = None

    def to_wire(self) -> dict[str, Any]:
        """The TestExecution of the contract. There are no containers, so their members are null.

        ``generator`` is ours, and there once the run has ended.
        """
        return {
            "executionId": self.execution_id,
            "testName": self.request.test_name,
            "description": self.request.description,
            "testPlanPath": self.request.test_plan_path,
            "containerId": None,
            "containerName": None,
            "status": self.status.value,
            "startTime": iso_without_zone(self.created if self.started is None else self.started),
            "endTime": None if self.ended is None else iso_without_zone(self.ended),
            "resultPath": f"results/{self.directory_name}/results.jtl",
            "reportPath": f"reports/{self.directory_name}",
            "logPath": f"results/{self.directory_name}/jmeter.log",
            "parameters": self.request.parameters(),
            "errorMessage": self.error_message,
            "threadGroups": [{"name": group.name, "kind": group.kind.value} for group in as_groups(self.thread_groups)],
        } | ({} if self.generator is None else {"generator": self.generator})


@dataclass(frozen=True, slots=True)
class ExecutionFiles:
    """The files of one execution; ``directory`` is its directory below ``results``."""

    directory: Path
    report: Path
    jtl: Path = field(init=False)
    log: Path = field(init=False)
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "jtl", self.directory / "results.jtl")
        object.__setattr__(self, "log", self.directory / "jmeter.log")
        object.__setattr__(self, "output", self.directory / "jmeter.out")

    @property
    def packed_report(self) -> Path:
        """The dashboard as one file, for whoever keeps it elsewhere."""
        return self.report.with_name(f"{self.report.name}.zip")

    def save(self, execution: Execution) -> None:
        """Write the state, readable by the engine's user alone: properties can hold secrets. Raises OSError."""
        write_atomically(self.directory / STATE_FILE, json.dumps(asdict(execution)).encode(), mode=0o600)

    def append_event(self, kind: str, message: str) -> None:
        """Append one event with the time of now. Raises OSError."""
        line = json.dumps({"ts": now_ms(), "type": kind, "message": message}) + "\n"
        descriptor = os.open(
            self.directory / _EVENTS_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def read_events(self, tail: int) -> list[str]:
        """The last ``tail`` events, oldest first, each a JSON text; half a line left by a crash is left out."""
        try:
            with (self.directory / _EVENTS_FILE).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                lines = file.read().decode("utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return []
        return list(deque((line for line in lines if _is_event(line)), maxlen=tail))

    def delete(self) -> None:
        """Delete everything, the state last. What is gone already is fine. Raises OSError."""
        if self.report.exists():
            shutil.rmtree(self.report)
        self.packed_report.unlink(missing_ok=True)
        if not self.directory.exists():
            return
        for left in self.directory.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            elif left.name != STATE_FILE:
                left.unlink(missing_ok=True)
        (self.directory / STATE_FILE).unlink(missing_ok=True)
        self.directory.rmdir()


def load_execution(state_file: Path) -> Execution:
    """Read one ``execution.json``. Raises OSError, UnreadableState."""
    try:
        state = json.loads(state_file.read_bytes())
        process = state["process"]
        return Execution(
            **{
                **state,
                "request": _request(state["request"]),
                "status": Status(state["status"]),
                "process": None if process is None else ProcessIdentity(**process),
                "end_cause": None if state["end_cause"] is None else EndCause(state["end_cause"]),
                "dashboard": Dashboard(state["dashboard"]),
            }
        )
    except (TypeError, KeyError, ValueError) as fault:
        raise UnreadableState(f"{state_file} is no execution state: {fault}") from fault


def _request(state: dict[str, Any]) -> ExecutionRequest:
    files = tuple(FileBeside(**each) for each in state.get("files", ()))
    return ExecutionRequest(**{**state, "files": files})


def _is_event(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
