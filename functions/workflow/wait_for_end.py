"""Step 8: keep the token with which the workflow waits for the end."""

from tandem.bootstrap import application
from tandem.triggers.workflow_step import WaitingStep, waiting_step


@waiting_step
def handler(step: WaitingStep) -> None:
    application().wait_for_end(step.experiment_task_id, step.task_token, step.injection_id)
