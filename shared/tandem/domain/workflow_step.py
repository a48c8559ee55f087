"""What the workflow of an experiment does next, and what it must know for that: the answer of each of its steps."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from tandem.domain.injection import client_token
from tandem.domain.timestamps import iso_zulu

if TYPE_CHECKING:
    from tandem.domain.experiment_run import ExperimentRun


class NextStep(StrEnum):
    """What the workflow has to do now, read from what the database knows.

    CONTINUE: all is well, go on. OPEN_UNPROVEN: no load will run, tell the waiting platform when the window was due.
    INJECT: the window is open and the fault is ours to start. ABORT: ask the platform to abort. STOP: the engine has
    yet to confirm a stop. DONE: nothing is left to do.
    """

    CONTINUE = "CONTINUE"
    INJECT = "INJECT"
    OPEN_UNPROVEN = "OPEN_UNPROVEN"
    ABORT = "ABORT"
    STOP = "STOP"
    DONE = "DONE"


_WINDOW_TO_COME = frozenset({NextStep.CONTINUE, NextStep.OPEN_UNPROVEN})
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class InjectionOrder:
    """What the workflow needs to start our FIS experiment, and to stop it; all empty when another platform injects.

    ``stop`` says that ``injection_id`` is to be stopped now.
    """

    template_id: str = ""
    client_token: str = ""
    task_id: str = ""
    injection_id: str = ""
    stop: bool = False

    @classmethod
    def of(cls, run: "ExperimentRun") -> Self:
        """The order for a run as it is now. What is to be stopped and not known by its id yet, others look for."""
        if run.template_id is None or run.task is None:
            return cls()
        return cls(
            template_id=run.template_id,
            client_token=client_token(run.experiment_task_id),
            task_id=run.task.task_id,
            injection_id=run.injection_id or "",
            stop=run.injection_stop_pending and run.injection_id is not None,
        )

    def document(self) -> dict[str, object]:
        """As the state machine reads it."""
        return {
            "templateId": self.template_id,
            "clientToken": self.client_token,
            "taskId": self.task_id,
            "id": self.injection_id,
            "stop": self.stop,
        }


@dataclass(frozen=True, slots=True)
class StepResult:
    """What every step of the workflow answers, and what wakes it: where to go next, and the moments to wait for.

    ``load_failed``: the load was lost on the way. ``wait_seconds``: how long the end may be waited for.
    """

    next: NextStep
    load_failed: bool = False
    reason: str = ""
    start_at: datetime | None = None
    window_due_at: datetime | None = None
    wait_seconds: int = 1
    injection: InjectionOrder = InjectionOrder()

    @classmethod
    def of(cls, run: "ExperimentRun", wait_seconds: int = 1) -> Self:
        """The result for a run as it is now. The window's moment matters only while the window may open."""
        next_step = run.next_step()
        window_due_at = run.window_due_at or run.created_at
        return cls(
            next=next_step,
            load_failed=run.load_failure is not None,
            reason=run.load_failure or "",
            start_at=run.start_due_at or run.created_at,
            window_due_at=window_due_at if next_step in _WINDOW_TO_COME else None,
            wait_seconds=wait_seconds,
            injection=InjectionOrder.of(run),
        )

    def document(self) -> dict[str, object]:
        """As the state machine reads it. A moment that does not matter is one that has passed."""
        return {
            "next": self.next,
            "loadFailed": self.load_failed,
            "reason": self.reason,
            "startAt": iso_zulu(self.start_at or _LONG_AGO),
            "windowDueAt": iso_zulu(self.window_due_at or _LONG_AGO),
            "waitSeconds": self.wait_seconds,
            "injection": self.injection.document(),
        }
