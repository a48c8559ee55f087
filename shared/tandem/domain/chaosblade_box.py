"""A ChaosBlade-Box beside us: its experiment tasks as it tells them, and the port through which we ask."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tandem.domain.errors import AppError
from tandem.domain.experiment_run import Outcome
from tandem.domain.fault_window import ToldWindow


class BoxUnavailable(AppError):
    """The box cannot be reached, does not take our login, or does not answer as a box does."""

    code = "BOX_UNAVAILABLE"


class BoxRefused(AppError):
    """The box said no to one request, in a session that it takes: the next request may well be answered.

    The message holds its words. An id that it does not know and one that our login may not see look alike.
    ``wants_login``: it looks as a refusal for want of a session does.
    """

    code = "BOX_REFUSED"
    wants_login = False


class BoxState(StrEnum):
    """The box's word for the state of an experiment task; any word that we do not know is UNKNOWN."""

    READY = "READY"
    RUNNING = "RUNNING"
    SUSPEND = "SUSPEND"
    STOPPING = "STOPPING"
    FINISHED = "FINISHED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class BoxTask:
    """An experiment task of the box.

    ``result`` is its own word (SUCCESS, FAILED or ERROR for a task). ``skipped``: an activity was left out, as those
    are that still have to run when a user stops the task; None when the activities are not known.
    """

    task_id: str
    experiment_id: str
    state: BoxState
    result: str | None = None
    message: str | None = None
    fault: ToldWindow = field(default_factory=ToldWindow)
    skipped: bool | None = None

    @property
    def is_under_way(self) -> bool:
        return self.state in {BoxState.READY, BoxState.RUNNING, BoxState.SUSPEND}

    @property
    def has_ended(self) -> bool:
        return self.state is BoxState.FINISHED

    @property
    def is_ending(self) -> bool:
        """Whether it has ended or is being stopped: a task is stopped by a user only, and never goes on again."""
        return self.has_ended or self.state is BoxState.STOPPING

    @property
    def outcome(self) -> Outcome:
        """What its end means for us; anything but a success or a stop is a failure.

        A box has no result for "stopped by a user": such a task is STOPPING for a while, and then a SUCCESS of which
        activities were skipped (ExperimentTaskFinishedCommand.determineExperimentTaskResult of its source).
        """
        if self.state is BoxState.STOPPING or self.result == "STOPPED":
            return Outcome.STOPPED
        if self.result != "SUCCESS":
            return Outcome.FAILED
        return Outcome.STOPPED if self.skipped else Outcome.SUCCEEDED


class ChaosBladeBox(Protocol):
    """Raises BoxUnavailable and BoxRefused. Bounded: a call ends within seconds, an answer is of limited size."""

    def latest_tasks(self, experiment_id: str) -> Sequence[BoxTask]:
        """The newest tasks of an experiment, without their fault windows; empty when the box knows none."""
        ...

    def task(self, task_id: str) -> BoxTask:
        """One task with its activities: the window of its fault, and whether any was skipped."""
        ...

    def stop(self, task_id: str) -> None:
        """Ask the box to stop a task; it goes on stopping by itself afterwards."""
        ...


_OTHER_PLATFORMS = ("fis:",)
"""Experiment ids that begin so belong to somebody else than the box."""


def may_be_of_box(experiment_id: str) -> bool:
    return not experiment_id.startswith(_OTHER_PLATFORMS)


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
