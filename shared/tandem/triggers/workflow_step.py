"""Input and output of the workflow's steps."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tandem.domain.identity import Owner
from tandem.domain.starting_experiment import StartingExperiment
from tandem.domain.workflow_step import StepResult


class WorkflowInput(BaseModel):
    """What an execution begins with, and each step is given."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    experiment_id: Annotated[str, Field(min_length=1, max_length=64)]
    experiment_task_id: Annotated[str, Field(min_length=1, max_length=64)]
    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    namespace: Annotated[str, Field(min_length=1, max_length=64)] = "default"
    fault_at: AwareDatetime | None = None
    workflow_arn: str | None = None
    error: Mapping[str, Any] | None = None

    @property
    def failure(self) -> str:
        """What the state machine caught, in one sentence for the task's story."""
        error = self.error or {}
        return f"the workflow failed: {error.get('Error', 'unknown error')} {str(error.get('Cause', ''))[:500]}".strip()

    @property
    def experiment(self) -> StartingExperiment:
        fault_at: datetime | None = self.fault_at
        return StartingExperiment(
            self.experiment_id, self.experiment_task_id, Owner(self.user_id, self.namespace), fault_at
        )


def workflow_step(
    step: Callable[[WorkflowInput], StepResult],
) -> Callable[[Mapping[str, Any], object], dict[str, object]]:
    """Make a Lambda handler of a step. Its errors reach the state machine by their class names."""

    def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
        return step(WorkflowInput.model_validate(event)).document()

    return handler


class WaitingStep(WorkflowInput):
    """A step that waits: the token answers it. ``injection_id`` is the FIS experiment that was just started."""

    task_token: Annotated[str, Field(min_length=1)]
    injection_id: Annotated[str | None, Field(min_length=1, max_length=64)] = None


def waiting_step(step: Callable[[WaitingStep], None]) -> Callable[[Mapping[str, Any], object], None]:
    """Make a Lambda handler of a step that is answered later."""

    def handler(event: Mapping[str, Any], context: object) -> None:
        step(WaitingStep.model_validate(event))

    return handler
