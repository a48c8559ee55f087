"""``ExperimentStarting``: set the workflow of this experiment going."""

from tandem.bootstrap import application
from tandem.triggers.experiment_starting import ExperimentStartingDetail, refusal_noted
from tandem.triggers.platform_events import experiment_event


@experiment_event(ExperimentStartingDetail, refusal_noted(lambda: application().note_announcement))
def handler(detail: ExperimentStartingDetail) -> None:
    application().start_experiment(detail.experiment)
