"""Step 1: find the strategy of the experiment that starts."""

from tandem.bootstrap import application
from tandem.domain.workflow_step import StepResult
from tandem.triggers.workflow_step import WorkflowInput, workflow_step


@workflow_step
def handler(step: WorkflowInput) -> StepResult:
    return application().find_strategy(step.experiment)
