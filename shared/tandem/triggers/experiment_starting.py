"""What the chaos platform tells of an experiment that is about to start."""

from pydantic import AwareDatetime

from tandem.domain.identity import Owner
from tandem.domain.starting_experiment import StartingExperiment
from tandem.triggers.platform_events import EventDetail, Id


class ExperimentStartingDetail(EventDetail):
    """``faultAt`` (RFC 3339): when the platform itself will inject."""

    experiment_id: Id
    experiment_task_id: Id
    user_id: Id
    namespace: Id = "default"
    fault_at: AwareDatetime | None = None

    @property
    def experiment(self) -> StartingExperiment:
        return StartingExperiment(
            self.experiment_id, self.experiment_task_id, Owner(self.user_id, self.namespace), self.fault_at
        )
