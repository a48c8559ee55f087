"""What the chaos platform tells of an experiment that goes on or has ended, and what we tell it."""

import json
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from tandem.domain.experiment_run import Outcome
from tandem.domain.fault_window import ToldWindow
from tandem.triggers.platform_events import EventDetail, OptionalId, OptionalMoment, ignored

LONGEST_REASON = 2000
"""In characters; a longer one is cut."""


def _outcome(value: object, info: ValidationInfo) -> Outcome:
    """An end that cannot be read is an abnormal one: the load stops. To run on is what must be said clearly."""
    try:
        return Outcome(value)  # type: ignore[arg-type]  # whatever JSON holds
    except ValueError:
        ignored(info, f"{str(value)[:100]!r} is none of {', '.join(Outcome)}; taken as FAILED")
        return Outcome.FAILED


def _reason(value: object, info: ValidationInfo) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # A lone surrogate is no character: no database and no queue takes it.
    whole = text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ").strip()
    if len(whole) > LONGEST_REASON:
        ignored(info, f"cut after {LONGEST_REASON} of {len(whole)} characters")
    return whole[:LONGEST_REASON] or None


class ExperimentFinishedDetail(EventDetail):
    """``faultStartedAt``, ``faultEndedAt`` (RFC 3339): when the fault itself was.

    Nothing but ``experimentTaskId`` has to be right: a load must not outlive its experiment for a side field.
    """

    # The default goes through the validator too: an end without an outcome is logged.
    outcome: Annotated[Outcome, BeforeValidator(_outcome), Field(validate_default=True)] = ""  # type: ignore[assignment]
    user_id: OptionalId = None
    namespace: OptionalId = None
    reason: Annotated[str | None, BeforeValidator(_reason)] = None
    fault_started_at: OptionalMoment = None
    fault_ended_at: OptionalMoment = None

    @property
    def fault(self) -> ToldWindow:
        return ToldWindow(self.fault_started_at, self.fault_ended_at)

    @property
    def facts(self) -> tuple[str, Outcome, str | None, str | None, str | None, ToldWindow]:
        """What ``finish_experiment`` is told, in its order."""
        return self.experiment_task_id, self.outcome, self.reason, self.user_id, self.namespace, self.fault


class FaultStateChangedDetail(EventDetail):
    """The fault began, ended, or both (RFC 3339); one of the two must be there and be readable."""

    fault_started_at: OptionalMoment = None
    fault_ended_at: OptionalMoment = None
    user_id: OptionalId = None
    namespace: OptionalId = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.fault_started_at is None and self.fault_ended_at is None:
            raise ValueError("needs faultStartedAt, faultEndedAt or both, in RFC 3339 with an offset")
        return self

    @property
    def fault(self) -> ToldWindow:
        return ToldWindow(self.fault_started_at, self.fault_ended_at)

    @property
    def facts(self) -> tuple[str, ToldWindow, str | None, str | None]:
        """What ``learn_fault_window`` is told, in its order."""
        return self.experiment_task_id, self.fault, self.user_id, self.namespace


class ExperimentAbortRequestedDetail(EventDetail):
    """Our own word to whoever runs the experiment."""

    experiment_id: OptionalId = None
