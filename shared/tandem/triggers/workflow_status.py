"""``Step Functions Execution Status Change`` of our state machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from tandem.domain.errors import NotFound
from tandem.telemetry import LogEvent, log

LOAD_FAILED = "LoadFailed"
"""The Error of the state machine's own end when the load was lost."""


@dataclass(frozen=True, slots=True)
class WorkflowEnded:
    experiment_task_id: str
    reason: str


def workflow_event(clean: Callable[[WorkflowEnded], object]) -> Callable[[Mapping[str, Any], object], None]:
    """Make a Lambda handler of a function that takes the end of an execution; one without a run needs nothing.

    Neither does one that ended in good order, with the word that its load was lost: nothing of it is left to clean.
    """

    def handler(event: Mapping[str, Any], context: object) -> None:
        detail = event["detail"]
        if detail.get("error") == LOAD_FAILED:
            return
        started_with = from_json(detail.get("input") or "{}")
        words = f"the workflow ended {detail.get('status')}: {detail.get('error') or ''} {detail.get('cause') or ''}"
        try:
            clean(WorkflowEnded(str(started_with.get("experimentTaskId", "")), words.strip(" :")[:1000]))
        except NotFound as unknown:
            log(LogEvent.WORKFLOW_LOST, reason=unknown.message)

    return handler
