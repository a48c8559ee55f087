"""``FIS Experiment State Change`` on the default bus.

Source: https://docs.aws.amazon.com/fis/latest/userguide/monitoring-eventbridge.html
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from tandem.domain.injection import Injection, InjectionState
from tandem.telemetry import LogEvent, warn


class _State(BaseModel):
    status: str
    reason: str = ""


class _Detail(BaseModel):
    injection_id: Annotated[str, Field(alias="experiment-id", min_length=1, max_length=64)]
    template_id: Annotated[str, Field(alias="experiment-template-id", min_length=1, max_length=64)]
    new_state: Annotated[_State, Field(alias="new-state")]


def fis_event(follow: Callable[[Injection], object]) -> Callable[[Mapping[str, Any], object], None]:
    """Make a Lambda handler of a function that takes what FIS tells; one that means nothing is refused and logged."""

    def handler(event: Mapping[str, Any], context: object) -> None:
        try:
            detail = _Detail.model_validate(event.get("detail"))
        except ValidationError as error:
            faults = [".".join(str(part) for part in fault["loc"]) or "detail" for fault in error.errors()]
            warn(LogEvent.EVENT_REFUSED, event_id=event.get("id"), faults=faults)
            return
        state = InjectionState.of(detail.new_state.status)
        follow(Injection(detail.injection_id, detail.template_id, state, reason=detail.new_state.reason))

    return handler
