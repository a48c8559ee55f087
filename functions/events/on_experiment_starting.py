"""``ExperimentStarting``: set the workflow of this experiment going."""

from tandem.bootstrap import application
from tandem.triggers.experiment_starting import ExperimentStartingDetail
from tandem.triggers.platform_events import experiment_event


@experiment_event(ExperimentStartingDetail)
def handler(detail: ExperimentStartingDetail) -> None:
    application().start_experiment(detail.experiment)
