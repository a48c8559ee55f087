"""An event on which its function failed three times: take it again, until it is done."""

from tandem.bootstrap import application
from tandem.triggers.experiment_events import ExperimentFinishedDetail, FaultStateChangedDetail
from tandem.triggers.experiment_starting import ExperimentStartingDetail, refusal_noted
from tandem.triggers.failed_events import take_again
from tandem.triggers.platform_events import experiment_event
from tandem.triggers.workflow_status import WorkflowEnded, workflow_event


@experiment_event(ExperimentStartingDetail, refusal_noted(lambda: application().note_announcement))
def _starting(detail: ExperimentStartingDetail) -> None:
    application().start_experiment(detail.experiment)


@experiment_event(ExperimentFinishedDetail)
def _finished(detail: ExperimentFinishedDetail) -> None:
    application().finish_experiment(*detail.facts)


@experiment_event(FaultStateChangedDetail)
def _fault_changed(detail: FaultStateChangedDetail) -> None:
    application().learn_fault_window(*detail.facts)


@workflow_event
def _workflow_ended(ended: WorkflowEnded) -> None:
    application().clean_up_run(ended.experiment_task_id, ended.reason)


handler = take_again(
    {
        "ExperimentStarting": _starting,
        "ExperimentFinished": _finished,
        "FaultStateChanged": _fault_changed,
        "Step Functions Execution Status Change": _workflow_ended,
    }
)
