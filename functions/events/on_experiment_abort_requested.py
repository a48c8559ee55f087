"""``ExperimentAbortRequested``: stop the experiment at the ChaosBlade-Box that runs it."""

from tandem.bootstrap import application
from tandem.triggers.experiment_events import ExperimentAbortRequestedDetail
from tandem.triggers.platform_events import experiment_event


@experiment_event(ExperimentAbortRequestedDetail)
def handler(detail: ExperimentAbortRequestedDetail) -> None:
    application().stop_box_experiment(detail.experiment_task_id, detail.experiment_id)
