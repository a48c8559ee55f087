"""The port to a load engine: what the services may ask of one, and what it can answer.

Every method raises only ``tandem.domain.errors.EngineError`` and its subclasses:

- ``EngineRefused``: the engine understood and said no.
- ``EngineUnavailable``: no connection was ever opened, or the answer was 503. It certainly had no effect.
- ``EngineAnswerLost``: the request went out and no verdict came back. The effect is unknown.
- ``EngineAnsweredWrongly``: an answer came and means nothing (HTML, wrong JSON, too large). For ``start`` and ``stop``
  the effect is as unknown as with ``EngineAnswerLost``.

Whoever starts a load must treat every error of ``start`` except ``EngineRefused`` and ``EngineUnavailable`` as
"may be running", and look for the task id among the names of ``list_runs`` before trying again.

All datetimes are aware and in UTC.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tandem_samples import ThreadGroup

from tandem.domain.engine_capabilities import EngineCapabilities
from tandem.domain.errors import EngineError
from tandem.domain.generator_health import GeneratorHealth
from tandem.domain.live_metrics import LiveMetrics


class EngineStatus(StrEnum):
    """The engine's word for the state of a run; any word that we do not know is UNKNOWN."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN = "UNKNOWN"

    @property
    def is_ended(self) -> bool:
        """Whether the engine calls the run over; it can still change its word (COMPLETED or FAILED to STOPPED)."""
        return self in _ENDED


_ENDED = frozenset({EngineStatus.COMPLETED, EngineStatus.FAILED, EngineStatus.STOPPED, EngineStatus.TIMEOUT})


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One execution as the engine tells it. Times are by the engine's clock, which may be off.

    ``generator``: how the machine that made the load fared; told by engines of ours, of a run that has ended.
    ``thread_groups``: the enabled thread groups of the plan; told by engines of ours.
    """

    execution_id: str
    status: EngineStatus
    raw_status: str
    test_name: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    result_path: str | None = None
    report_path: str | None = None
    log_path: str | None = None
    error_message: str | None = None
    generator: GeneratorHealth | None = None
    thread_groups: tuple[ThreadGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class FileBeside:
    """A file on the engine that is to lie beside the plan: ``path`` there, and the name by which the plan calls it."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class StartLoad:
    """What to start. ``test_name`` carries our task id; ``None`` is left out of the request.

    ``plan_path`` is a path on the engine; times are in seconds. ``files`` and what follows them are additions to the
    contract, which other engines than ours do not know.
    """

    test_name: str
    plan_path: str
    description: str | None = None
    threads: int | None = None
    loops: int | None = None
    ramp_up: int | None = None
    duration: int | None = None
    timeout: int | None = None
    heap_size: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm_args: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FileBeside, ...] = ()
    respect_loops: bool | None = None
    set_up_limit: int | None = None
    tear_down_limit: int | None = None


class StopAnswer(StrEnum):
    """What the engine said to a stop.

    STOPPED: it says that it stopped the run. For a run that had ended already this is said as well (trap 13).
    ALREADY_ENDED_OR_UNKNOWN: it knows no such run that goes on. After an engine restart the load may go on all the
    same (trap 15); only the metrics or the target can tell.
    """

    STOPPED = "STOPPED"
    ALREADY_ENDED_OR_UNKNOWN = "ALREADY_ENDED_OR_UNKNOWN"


class Deletion(StrEnum):
    """What became of a run's files. GONE: deleted now, or not known (any more). NOT_OFFERED: the engine cannot."""

    GONE = "GONE"
    NOT_OFFERED = "NOT_OFFERED"


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One line of a run's event log. ``at_ms`` is epoch ms, 0 when it has none; ``raw`` is the line itself."""

    at_ms: int
    type: str
    message: str
    raw: str


@dataclass(frozen=True, slots=True)
class EngineResults:
    """Where the engine keeps what a run left. Paths are relative to its root; URLs are whole."""

    execution_id: str
    status: EngineStatus
    result_path: str | None
    report_path: str | None
    log_path: str | None
    result_url: str | None
    report_url: str | None


LIST_LIMIT = 500
"""How many runs a list holds at most; one that is full says nothing about what is not in it."""


def lists_everything(listed: Sequence[EngineRun]) -> bool:
    """Whether a run that is not in this list is not on the engine."""
    return len(listed) < LIST_LIMIT


StatusAnswer = EngineRun | None | EngineError
"""A run, ``None`` when the engine does not know the id (404), or why it could not be asked."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What an engine told of many runs at once. ``listed`` is its list, newest first; None when it gave none."""

    answers: Mapping[str, StatusAnswer]
    listed: Sequence[EngineRun] | None


class LoadEngine(Protocol):
    """A load engine. Implementations are safe to call from several threads."""

    def upload_plan(self, file_name: str, content: Iterable[bytes]) -> str:
        """Send a test plan for one start, in pieces, never holding it whole; its path for ``StartLoad.plan_path``."""
        ...

    def upload_data_file(self, file_name: str, content: Iterable[bytes]) -> str:
        """Send a data file for one start, in pieces; return its path on the engine.

        Any type will do for our engine; others take csv, txt, json, xml, properties and jmx only.
        """
        ...

    def start(self, request: StartLoad) -> EngineRun:
        """Start a load, once; never retried here, because a start has no idempotency key (trap 5)."""
        ...

    def stop(self, execution_id: str) -> StopAnswer:
        """Stop a run. Blocks until the engine answers, 15 to 45 s on some engines (trap 2)."""
        ...

    def status(self, execution_id: str) -> EngineRun | None:
        """The run, or ``None`` when the engine does not know it."""
        ...

    def list_runs(self) -> Sequence[EngineRun]:
        """The engine's runs, newest first, at most 500; a list that is full says nothing about what is not in it."""
        ...

    def survey(self, execution_ids: Sequence[str], budget_seconds: float) -> Survey:
        """The state of many runs, within a budget: every id gets an answer and one bad answer spoils no other.

        Never raises an ``EngineError``. What the budget did not reach, and everything after the engine has proven dead,
        is answered with ``EngineUnavailable``.
        """
        ...

    def metrics(self, execution_id: str) -> LiveMetrics | None:
        """The latest snapshot, or ``None`` while there is no result file (or after a restart of the engine)."""
        ...

    def events(self, execution_id: str, tail: int) -> Sequence[EngineEvent]:
        """The last ``tail`` events, ascending in time; empty when the engine does not know the run."""
        ...

    def results(self, execution_id: str) -> EngineResults | None:
        """Where the results are, or ``None`` when the engine does not know (it forgets at a restart, trap 6)."""
        ...

    def open_result_file(self, result_path: str) -> AbstractContextManager[Iterator[bytes]]:
        """Stream the file at an ``EngineRun.result_path``. Raises ``EngineRefused`` when it is absent."""
        ...

    def delete_results(self, execution_id: str) -> Deletion:
        """Delete what an ended run left on the engine. Raises ``EngineRefused`` for one that has not ended."""
        ...

    def open_dashboard(self, report_path: str) -> AbstractContextManager[Iterator[bytes]]:
        """Stream the dashboard at an ``EngineRun.report_path`` as a zip file.

        Raises ``DashboardPending`` while there is none, ``EngineRefused`` when the engine has one but packs none.
        """
        ...

    def capabilities(self) -> EngineCapabilities | None:
        """What the engine can load and run; ``None`` when it is one that does not say. Answers or raises in seconds."""
        ...

    def health(self) -> bool:
        """Whether the engine says that it is up; ``False`` also when it cannot be asked."""
        ...
