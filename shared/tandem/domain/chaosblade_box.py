"""A ChaosBlade-Box beside us: its experiment tasks as it tells them, and the port through which we ask."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tandem.domain.errors import AppError
from tandem.domain.experiment_run import Outcome
from tandem.domain.fault_window import ToldWindow


class BoxUnavailable(AppError):
    """The box cannot be reached, or does not answer as one."""

    code = "BOX_UNAVAILABLE"


class BoxRefused(AppError):
    """The box understood and said no; the message holds its words."""

    code = "BOX_REFUSED"


class BoxState(StrEnum):
    """The box's word for the state of an experiment task; any word that we do not know is UNKNOWN."""

    READY = "READY"
    RUNNING = "RUNNING"
    SUSPEND = "SUSPEND"
    STOPPING = "STOPPING"
    FINISHED = "FINISHED"
    UNKNOWN = "UNKNOWN"


_OUTCOMES = {"SUCCESS": Outcome.SUCCEEDED, "STOPPED": Outcome.STOPPED}


@dataclass(frozen=True, slots=True)
class BoxTask:
    """An experiment task of the box. ``result`` is its own word (SUCCESS, FAILED, REJECTED, ERROR, STOPPED)."""

    task_id: str
    experiment_id: str
    state: BoxState
    result: str | None = None
    message: str | None = None
    fault: ToldWindow = field(default_factory=ToldWindow)

    @property
    def is_under_way(self) -> bool:
        return self.state in {BoxState.READY, BoxState.RUNNING, BoxState.SUSPEND}

    @property
    def has_ended(self) -> bool:
        return self.state is BoxState.FINISHED

    @property
    def outcome(self) -> Outcome:
        """What its end means for us; anything but a success or a stop is a failure."""
        return _OUTCOMES.get(self.result or "", Outcome.FAILED)


class ChaosBladeBox(Protocol):
    """Raises BoxUnavailable and BoxRefused. Bounded: a call ends within seconds, an answer is of limited size."""

    def latest_tasks(self, experiment_id: str) -> Sequence[BoxTask]:
        """The newest tasks of an experiment, without their fault windows; empty when the box knows none."""
        ...

    def task(self, task_id: str) -> BoxTask:
        """One task, with the window of its fault as far as its activities tell it."""
        ...

    def stop(self, task_id: str) -> None:
        """Ask the box to stop a task; it goes on stopping by itself afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """An event as the chaos platform would send it (docs/events.md); ``detail`` is plain JSON."""

    name: str
    detail: dict[str, object]


class PlatformEvents(Protocol):
    def put(self, events: Sequence[PlatformEvent]) -> None:
        """Put events on our bus in the platform's name. Raises EventsNotSent when the bus did not take all of them."""
        ...


class EventsNotSent(AppError):
    """The event bus did not take an event: ask again."""

    code = "EVENTS_NOT_SENT"
