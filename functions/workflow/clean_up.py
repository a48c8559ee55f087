"""The catch of every step: leave nothing running and nobody waiting."""

from tandem.bootstrap import application
from tandem.domain.workflow_step import StepResult
from tandem.triggers.workflow_step import WorkflowInput, workflow_step


@workflow_step
def handler(step: WorkflowInput) -> StepResult:
    return application().clean_up_run(step.experiment_task_id, step.failure)
