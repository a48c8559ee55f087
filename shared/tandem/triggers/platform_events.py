"""An event of the chaos platform, as it comes from EventBridge: how each is read, and refused."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from tandem.telemetry import LogEvent, warn

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\s\x00-\x1f\x7f](.*[^\s\x00-\x1f\x7f])?$")]


class EventDetail(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


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
