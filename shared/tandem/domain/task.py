"""A load-test task: one load test that belongs to one experiment task, and the states it may pass through."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tandem.domain.errors import FieldFault, NotFound


class TaskNotFound(NotFound):
    """No such task, or somebody else's. ``announced``: a sentence on an experiment of this id that got no load."""

    code = "LOAD_TEST_TASK_NOT_FOUND"

    def __init__(self, named: str | None, announced: str | None = None) -> None:
        sentence = f"There is no load-test task for {named!r}."
        if announced is None:
            super().__init__(sentence)
        else:
            super().__init__(f"{sentence} {announced}", [FieldFault("experimentTaskId", announced)])


class TaskStatus(StrEnum):
    """``PENDING -> RUNNING -> SUCCEEDED | FAILED | STOPPED | TIMEOUT``; a PENDING task may end without having run."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    TIMEOUT = "TIMEOUT"

    @property
    def ended(self) -> bool:
        """True for the four final states."""
        return self not in ACTIVE_STATUSES

    def may_become(self, target: "TaskStatus") -> bool:
        """Whether the transition exists; an ended task never changes again, and PENDING cannot succeed unseen."""
        return target in _TRANSITIONS[self]


ACTIVE_STATUSES = frozenset({TaskStatus.PENDING, TaskStatus.RUNNING})

_ENDS_WITHOUT_RUNNING = frozenset({TaskStatus.FAILED, TaskStatus.STOPPED, TaskStatus.TIMEOUT})
_TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.PENDING: _ENDS_WITHOUT_RUNNING | {TaskStatus.RUNNING},
    TaskStatus.RUNNING: _ENDS_WITHOUT_RUNNING | {TaskStatus.SUCCEEDED},
    TaskStatus.SUCCEEDED: frozenset(),
    TaskStatus.FAILED: frozenset(),
    TaskStatus.STOPPED: frozenset(),
    TaskStatus.TIMEOUT: frozenset(),
}


@dataclass(slots=True)
class LoadTestTask:
    """The row of the requirements. Times are aware UTC; ``execution_id`` and the paths are the engine's own words."""

    task_id: str
    strategy_id: str
    experiment_task_id: str
    user_id: str
    namespace: str
    created_at: datetime
    updated_at: datetime
    status: TaskStatus = TaskStatus.PENDING
    execution_id: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    error_message: str | None = None
    result_path: str | None = None
    report_path: str | None = None
    log_path: str | None = None
