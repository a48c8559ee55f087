"""Events of the chaos platform, as they come from EventBridge."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from tandem.domain.experiment_run import Outcome, StartingExperiment
from tandem.domain.fault_window import ToldWindow
from tandem.domain.identity import Owner
from tandem.telemetry import LogEvent, warn

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s\x00-\x1f\x7f](.*[^\s\x00-\x1f\x7f])?$")]


class EventDetail(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class ExperimentStartingDetail(EventDetail):
    """``faultAt`` (RFC 3339): when the platform itself will inject."""

    experiment_id: Id
    experiment_task_id: Id
    user_id: Id
    namespace: Id = "default"
    fault_at: AwareDatetime | None = None

    @property
    def experiment(self) -> StartingExperiment:
        return StartingExperiment(
            self.experiment_id, self.experiment_task_id, Owner(self.user_id, self.namespace), self.fault_at
        )


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


D = TypeVar("D", bound=EventDetail)


def experiment_event(detail: type[D]) -> Callable[[Callable[[D], None]], Callable[[Mapping[str, Any], object], None]]:
    """Make a Lambda handler of a function that takes an event's detail.

    An event that can never be understood is refused and logged: to fail would only bring it back.
    """

    def decorate(function: Callable[[D], None]) -> Callable[[Mapping[str, Any], object], None]:
        def handler(event: Mapping[str, Any], context: object) -> None:
            try:
                parsed = detail.model_validate(event.get("detail"))
            except ValidationError as error:
                faults = [
                    f"{'.'.join(str(part) for part in fault['loc']) or 'detail'}: {fault['msg']}"
                    for fault in error.errors(include_url=False, include_context=False, include_input=False)
                ]
                warn(
                    LogEvent.EVENT_REFUSED,
                    event_id=event.get("id"),
                    detail_type=event.get("detail-type"),
                    faults=faults,
                )
                return
            function(parsed)

        return handler

    return decorate
