"""``ExperimentFinished``: remember it, and stop what has to stop."""

from tandem.bootstrap import application
from tandem.triggers.experiment_events import ExperimentFinishedDetail
from tandem.triggers.platform_events import experiment_event


@experiment_event(ExperimentFinishedDetail)
def handler(detail: ExperimentFinishedDetail) -> None:
    application().finish_experiment(*detail.facts)
