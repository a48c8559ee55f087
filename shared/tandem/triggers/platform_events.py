"""An event of the chaos platform, as it comes from EventBridge: how each is read, and refused.

A field that an event need not have never makes it void: one that cannot be read counts as not sent, and that is logged.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from tandem.domain.identity import error_of_id
from tandem.telemetry import LogEvent, warn

_PYDANTICS = "Value error, "


def _id(value: object) -> object:
    error = error_of_id(value)
    if error is not None:
        raise ValueError(error)
    return value


def _left_out(value: Any, parse: Callable[[Any], Any], info: ValidationInfo) -> Any:
    try:
        return parse(value)
    except ValidationError as error:
        ignored(info, error.errors(include_url=False, include_input=False)[0]["msg"])
        return None


def ignored(info: ValidationInfo, why: str) -> None:
    """Log that a field which cannot be read counts as not sent."""
    warn(
        LogEvent.EVENT_FIELD_IGNORED,
        experiment_task_id=info.data.get("experiment_task_id"),
        field=to_camel(info.field_name or ""),
        reason=why.removeprefix(_PYDANTICS),
    )


LeftOut = WrapValidator(_left_out)
"""For an optional field: what cannot be read of it counts as not sent, and is logged."""

Id = Annotated[str, BeforeValidator(_id)]
OptionalId = Annotated[Id | None, LeftOut]
OptionalMoment = Annotated[AwareDatetime | None, LeftOut]


class EventDetail(BaseModel):
    """What an event is about. ``experimentTaskId`` comes first: what is logged of the other fields names it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    experiment_task_id: Id


D = TypeVar("D", bound=EventDetail)
Refused = Callable[[Mapping[str, Any], str], None]


def experiment_event(
    detail: type[D], refused: Refused | None = None
) -> Callable[[Callable[[D], None]], Callable[[Mapping[str, Any], object], None]]:
    """Make a Lambda handler of a function that takes an event's detail.

    An event that can never be understood is refused and logged: to fail would only bring it back. ``refused`` gets what
    the event says, and why it was refused.
    """

    def decorate(function: Callable[[D], None]) -> Callable[[Mapping[str, Any], object], None]:
        def handler(event: Mapping[str, Any], context: object) -> None:
            told = event.get("detail")
            try:
                parsed = detail.model_validate(told)
            except ValidationError as error:
                errors = _sentences(error)
                _warn_of_refusal(event, told, errors)
                if refused is not None and isinstance(told, Mapping):
                    refused(told, "; ".join(errors))
                return
            function(parsed)

        return handler

    return decorate


def _sentences(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in each['loc']) or 'detail'}: {each['msg'].removeprefix(_PYDANTICS)}"
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _warn_of_refusal(event: Mapping[str, Any], told: object, errors: Sequence[str]) -> None:
    named = told.get("experimentTaskId") if isinstance(told, Mapping) else None
    warn(
        LogEvent.EVENT_REFUSED,
        event_id=event.get("id"),
        detail_type=event.get("detail-type"),
        # Whatever it is: an id that cannot be used still leads to who sent it. repr() keeps the line readable.
        experiment_task_id=named if error_of_id(named) is None else repr(named)[:200],
        faults=list(errors),
    )
