"""What the services need from the outside, besides the engine (``load_engine``) and time (``clock``).

Only names of types: whoever needs one port does not load what all the others speak of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tandem.domain.announcement import Announcement
    from tandem.domain.audit import AuditEntry
    from tandem.domain.definition import EngineType, Entry, LoadTestDefinition
    from tandem.domain.engine_pool import Engines
    from tandem.domain.experiment_run import ExperimentRun
    from tandem.domain.identity import Owner
    from tandem.domain.messages import Message
    from tandem.domain.paging import Page, PageRequest
    from tandem.domain.strategy import LoadTestStrategy
    from tandem.domain.sweep_shard import SweepShard
    from tandem.domain.task import TaskStatus
    from tandem.domain.task_statistics import Period, TaskCounts
    from tandem.domain.unsettled_run import UnsettledRun
    from tandem.domain.upload import SignedUpload, StoredObject, Upload
    from tandem.domain.verdict_reasons import VerdictStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TaskKey:
    """How a caller names a task: by either id. ``task_id`` may also be an experiment task's id (http-api.md)."""

    task_id: str | None = None
    experiment_task_id: str | None = None

    @property
    def named(self) -> str | None:
        """The id that counts."""
        return self.task_id if self.experiment_task_id is None else self.experiment_task_id


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks of an owner; None does not filter."""

    strategy_id: str | None = None
    experiment_task_id: str | None = None
    status: TaskStatus | None = None
    verdict: VerdictStatus | None = None


@dataclass(frozen=True, slots=True)
class DefinitionFilter:
    """Which definitions of an owner; None does not filter. ``name_part`` is a part of the name, compared exactly."""

    name_part: str | None = None
    entry: Entry | None = None
    engine_type: EngineType | None = None


@dataclass(frozen=True, slots=True)
class StrategyFilter:
    """Which strategies of an owner; None does not filter."""

    experiment_id: str | None = None
    definition_id: str | None = None
    enable: bool | None = None


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """An outbox row that was not delivered yet."""

    message_id: str
    message: Message
    attempts: int


class Runs(Protocol):
    """Experiment runs with their tasks. ``lock`` methods hold the rows until the transaction ends."""

    def add(self, run: ExperimentRun) -> None: ...

    def lock(self, experiment_task_id: str) -> ExperimentRun | None: ...

    def lock_by_task_ids(self, task_ids: Sequence[str]) -> list[ExperimentRun]: ...

    def get(self, experiment_task_id: str) -> ExperimentRun | None: ...

    def find(self, owner: Owner, key: TaskKey) -> ExperimentRun | None: ...

    def page(self, owner: Owner, wanted: TaskFilter, page: PageRequest) -> Page[ExperimentRun]: ...

    def earlier_of_strategy(self, run: ExperimentRun, limit: int) -> list[ExperimentRun]:
        """Ended runs of the same strategy that were created before this one, newest first."""
        ...

    def unsettled(self, limit: int, shard: SweepShard | None = None) -> list[UnsettledRun]:
        """What the sweep must know of the runs (of a part of them) that are not settled, oldest first."""
        ...

    def unsettled_on(self, engine: str) -> list[str]:
        """The experiment tasks of runs that are not settled and have, or had, a part of their load on that engine."""
        ...

    def count_unsettled(self) -> int: ...

    def count_unsettled_of(self, user_id: str) -> int: ...

    def settled_among(self, task_ids: Sequence[str]) -> list[str]:
        """Those of these tasks whose runs are settled."""
        ...

    def get_many(self, experiment_task_ids: Sequence[str]) -> list[ExperimentRun]:
        """Those of these experiment tasks that there are runs of."""
        ...

    def of_injection(self, injection_id: str, experiment_id: str) -> list[ExperimentRun]:
        """The run of a FIS experiment; while none is known for it, those of its template that know none yet."""
        ...

    def save(self, runs: Sequence[ExperimentRun]) -> None:
        """Write rows, audit entries and messages of runs that were locked in this transaction, as a compare-and-set."""
        ...


class Definitions(Protocol):
    """Live definitions; a deleted one is found no more."""

    def add(self, definition: LoadTestDefinition) -> None: ...

    def get(self, owner: Owner, definition_id: str) -> LoadTestDefinition | None: ...

    def lock(self, owner: Owner, definition_id: str) -> LoadTestDefinition | None: ...

    def named(self, owner: Owner, name: str) -> LoadTestDefinition | None: ...

    def page(self, owner: Owner, wanted: DefinitionFilter, page: PageRequest) -> Page[LoadTestDefinition]: ...

    def save(self, definition: LoadTestDefinition) -> None:
        """Write a definition that was locked in this transaction."""
        ...

    def delete(self, definition_id: str, now: datetime) -> None:
        """Delete a definition that was locked in this transaction; its name is free again."""
        ...


class Strategies(Protocol):
    """Live strategies; a deleted one is found no more."""

    def add(self, strategy: LoadTestStrategy) -> None: ...

    def get(self, owner: Owner, strategy_id: str) -> LoadTestStrategy | None: ...

    def lock(self, owner: Owner, strategy_id: str) -> LoadTestStrategy | None: ...

    def live_for_experiment(self, owner: Owner, experiment_id: str) -> LoadTestStrategy | None: ...

    def enabled(self, limit: int) -> list[LoadTestStrategy]:
        """The first enabled strategies of all owners, for the one who looks at every experiment."""
        ...

    def using(self, definition_id: str, limit: int) -> Page[LoadTestStrategy]:
        """The first strategies that use a definition, and how many there are."""
        ...

    def page(self, owner: Owner, wanted: StrategyFilter, page: PageRequest) -> Page[LoadTestStrategy]: ...

    def save(self, strategy: LoadTestStrategy) -> None:
        """Write a strategy that was locked in this transaction."""
        ...

    def delete(self, strategy_id: str, now: datetime) -> None:
        """Delete a strategy that was locked in this transaction; its experiment is free again."""
        ...


class Uploads(Protocol):
    def add(self, upload: Upload) -> None: ...

    def get(self, owner: Owner, upload_path: str) -> Upload | None: ...

    def get_many(self, owner: Owner, upload_paths: Collection[str]) -> dict[str, Upload]:
        """The owner's uploads among these paths, by path."""
        ...

    def lock_many(self, owner: Owner, upload_paths: Collection[str]) -> dict[str, Upload]:
        """As ``get_many``, held until the transaction ends."""
        ...


class Audit(Protocol):
    def of_task(self, task_id: str) -> list[AuditEntry]: ...


class Announcements(Protocol):
    """Announced experiments without a load, one entry for each owner's experiment task."""

    def find(self, owner: Owner, experiment_task_id: str, since: datetime) -> Announcement | None:
        """The entry, unless it is older than ``since``."""
        ...

    def lock(self, owner: Owner, experiment_task_id: str) -> Announcement | None:
        """The entry, however old, held until the transaction ends."""
        ...

    def put(self, announcement: Announcement, *, known: bool) -> None:
        """Write the entry; ``known``: in place of the one that was locked in this transaction."""
        ...


class Outbox(Protocol):
    def append(self, messages: Sequence[Message], now: datetime) -> None:
        """Add messages; they are due at once."""
        ...

    def claim(self, limit: int, now: datetime, until: datetime) -> list[StoredMessage]:
        """Take due messages for delivery; they are due again at ``until`` unless they are removed before."""
        ...

    def remove(self, message_ids: Sequence[str]) -> None: ...


class Leases(Protocol):
    def acquire(self, name: str, holder: str, now: datetime, until: datetime) -> bool: ...

    def release(self, name: str, holder: str, now: datetime, *, done: bool) -> None:
        """Give a lease back; ``done`` notes that the work it was taken for has been done to its end."""
        ...

    def hold(self, name: str, now: datetime) -> None:
        """Wait until nobody else is inside a transaction that holds the name, and hold it until this one ends."""
        ...


class TaskCounter(Protocol):
    def count(self, owner: Owner, period: Period) -> TaskCounts: ...


class UnitOfWork(Protocol):
    """The repositories of one open transaction."""

    @property
    def runs(self) -> Runs: ...

    @property
    def definitions(self) -> Definitions: ...

    @property
    def strategies(self) -> Strategies: ...

    @property
    def uploads(self) -> Uploads: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def statistics(self) -> TaskCounter: ...

    @property
    def announcements(self) -> Announcements: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def engines(self) -> Engines: ...

    @property
    def leases(self) -> Leases: ...


class Database(Protocol):
    """Transactions. ``work`` may be called again after a deadlock, a lost connection or a lost race for a unique key,
    so it does nothing but talk to its unit of work. No engine and no AWS call belongs inside.

    Both raise DatabaseUnavailable when the server cannot be reached or cannot write now.
    """

    def write(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run ``work`` in a transaction and commit it; an error from ``work`` rolls back."""
        ...

    def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run ``work`` in a transaction that only reads."""
        ...

    def ping(self) -> None:
        """Ask the server for nothing."""
        ...


class ObjectStore(Protocol):
    """Uploaded files by key. Raises StorageUnavailable when the store cannot be reached."""

    def put(self, key: str, content: bytes, content_type: str) -> None: ...

    def read(self, key: str, version: str | None = None) -> Iterator[bytes]:
        """The object in pieces. Raises UploadMissing when there is none, UploadChanged when it is another version."""
        ...

    def describe(self, key: str) -> StoredObject | None: ...

    def sign_upload(
        self, key: str, size: int, sha256: str | None, labels: Mapping[str, str], seconds: int
    ) -> SignedUpload:
        """A request that puts an object of exactly this size under the key, good for so long."""
        ...

    def copy(self, source: str, version: str, target: str) -> None:
        """Copy an object. Raises UploadMissing, and UploadChanged when it is another version."""
        ...


class MessageSender(Protocol):
    """Delivers what the outbox holds."""

    def send(self, messages: Sequence[StoredMessage]) -> list[str]:
        """Send what can be sent and return the ids of those that arrived, or that nobody can receive any more."""
        ...


class Workflows(Protocol):
    """The workflow engine. Raises WorkflowUnavailable when it cannot be asked."""

    def start(self, name: str, payload: Mapping[str, object]) -> None:
        """Start an execution; one that exists under this name already is fine."""
        ...

    def running(self, names: Iterable[str]) -> set[str]:
        """Which of these executions are running now."""
        ...


class Ticks(Protocol):
    """Extra turns of the sync, between those of the schedule."""

    def soon(self) -> None:
        """Have the sync look again in a few seconds. Best effort: the schedule's own next turn comes anyway."""
        ...

    def split(self, shards: Sequence[SweepShard]) -> bool:
        """Have each part swept by an invocation of its own, at once; False when that cannot be asked for."""
        ...
