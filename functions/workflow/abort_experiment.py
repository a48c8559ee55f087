"""Step 9: ask the platform to abort."""

from tandem.bootstrap import application
from tandem.domain.workflow_step import StepResult
from tandem.triggers.workflow_step import WorkflowInput, workflow_step


@workflow_step
def handler(step: WorkflowInput) -> StepResult:
    return application().abort_experiment(step.experiment_task_id)
