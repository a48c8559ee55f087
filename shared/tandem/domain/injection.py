"""Faults that Tandem injects itself: experiments of AWS Fault Injection Service (FIS).

An experiment id that begins with ``fis:`` names a FIS experiment template; the rest is the template's id. Everything
that finds an experiment again is derived from our own ids: dying at any moment loses none.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from tandem.domain.errors import AppError

PREFIX = "fis:"
TASK_TAG = "tandem:taskId"
"""The tag of each FIS experiment that we start; its value is our task's id."""


class InjectionState(StrEnum):
    """FIS's words for the state of an experiment, in capitals; UNKNOWN is any word that we do not know.

    Source: https://docs.aws.amazon.com/fis/latest/APIReference/API_ExperimentState.html
    """

    PENDING = "PENDING"
    INITIATING = "INITIATING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    COMPLETED = "COMPLETED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def of(cls, word: object) -> "InjectionState":
        """FIS's word for a state."""
        try:
            return cls(str(word).upper())
        except ValueError:
            return cls.UNKNOWN

    @property
    def ended(self) -> bool:
        """Whether the experiment is over for good."""
        return self in _ENDED


_ENDED = frozenset({InjectionState.COMPLETED, InjectionState.STOPPED, InjectionState.FAILED, InjectionState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Injection:
    """A FIS experiment as FIS tells it. ``task_id`` is our tag, None on an experiment that is not ours.

    ``fault_started_at`` and ``fault_ended_at`` are the earliest start and the latest end of its actions (UTC).
    """

    injection_id: str
    template_id: str
    state: InjectionState
    task_id: str | None = None
    reason: str = ""
    fault_started_at: datetime | None = None
    fault_ended_at: datetime | None = None


class InjectionsUnavailable(AppError):
    """FIS cannot be asked now, or does not let us."""

    code = "INJECTIONS_UNAVAILABLE"


class Injections(Protocol):
    """AWS FIS. Every method raises InjectionsUnavailable when FIS gives no usable answer."""

    def get(self, injection_id: str) -> Injection | None:
        """The experiment, or None when FIS does not know it."""
        ...

    def find(self, template_id: str, task_id: str) -> Injection | None:
        """The experiment of this template that carries our tag with this task's id, or None."""
        ...

    def stop(self, injection_id: str) -> None:
        """Stop it. One that FIS does not know, or that has ended, is stopped."""
        ...


def template_of(experiment_id: str | None) -> str | None:
    """The FIS template that an experiment id names, or None: then another platform injects."""
    if experiment_id is None or not experiment_id.startswith(PREFIX):
        return None
    return experiment_id.removeprefix(PREFIX)


def client_token(experiment_task_id: str) -> str:
    """FIS's idempotency token for an experiment task: the same one always starts the same experiment (64 digits)."""
    return hashlib.sha256(experiment_task_id.encode()).hexdigest()
