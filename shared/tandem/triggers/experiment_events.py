"""What the chaos platform tells of an experiment that goes on or has ended, and what we tell it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    Field,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    model_validator,
)

from tandem.domain.experiment_run import Outcome
from tandem.domain.fault_window import ToldWindow
from tandem.telemetry import LogEvent, warn
from tandem.triggers.platform_events import EventDetail, Id


def _moment_or_none(value: Any, parse: Callable[[Any], datetime | None], info: ValidationInfo) -> datetime | None:
    """An end of an experiment must not be refused for a moment that it need not have: the load would run on."""
    try:
        return parse(value)
    except ValidationError:
        warn(LogEvent.FAULT_WINDOW_REFUSED, faults=[f"{info.field_name}: must be RFC 3339 with an offset"])
        return None


class ExperimentFinishedDetail(EventDetail):
    """``faultStartedAt``, ``faultEndedAt`` (RFC 3339): when the fault itself was; one that is no time is left out."""

    experiment_task_id: Id
    outcome: Outcome
    user_id: Id | None = None
    namespace: Id | None = None
    reason: Annotated[str, Field(max_length=2000)] | None = None
    fault_started_at: Annotated[AwareDatetime | None, WrapValidator(_moment_or_none)] = None
    fault_ended_at: Annotated[AwareDatetime | None, WrapValidator(_moment_or_none)] = None

    @property
    def fault(self) -> ToldWindow:
        return ToldWindow(self.fault_started_at, self.fault_ended_at)

    @property
    def facts(self) -> tuple[str, Outcome, str | None, str | None, str | None, ToldWindow]:
        """What ``finish_experiment`` is told, in its order."""
        return self.experiment_task_id, self.outcome, self.reason, self.user_id, self.namespace, self.fault


class FaultStateChangedDetail(EventDetail):
    """The fault began, ended, or both (RFC 3339); one of the two must be there."""

    experiment_task_id: Id
    fault_started_at: AwareDatetime | None = None
    fault_ended_at: AwareDatetime | None = None
    user_id: Id | None = None
    namespace: Id | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.fault_started_at is None and self.fault_ended_at is None:
            raise ValueError("needs faultStartedAt, faultEndedAt or both")
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

    experiment_task_id: Id
