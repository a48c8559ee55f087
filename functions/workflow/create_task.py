"""Step 2: create the task, or find the one that an earlier event created."""

from tandem.bootstrap import application
from tandem.domain.workflow_step import StepResult
from tandem.triggers.workflow_step import WorkflowInput, workflow_step


@workflow_step
def handler(step: WorkflowInput) -> StepResult:
    return application().create_task(step.experiment, step.workflow_arn)
