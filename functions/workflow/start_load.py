"""Step 4: start the load on the engine."""

from tandem.bootstrap import application
from tandem.domain.workflow_step import StepResult
from tandem.triggers.workflow_step import WorkflowInput, workflow_step


@workflow_step
def handler(step: WorkflowInput) -> StepResult:
    return application().start_load(step.experiment_task_id)
