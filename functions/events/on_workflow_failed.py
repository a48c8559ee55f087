"""An execution failed, timed out or was aborted: the second safety net under the state machine's own catch."""

from tandem.bootstrap import application
from tandem.triggers.workflow_status import WorkflowEnded, workflow_event


@workflow_event
def handler(ended: WorkflowEnded) -> None:
    application().clean_up_run(ended.experiment_task_id, ended.reason)
