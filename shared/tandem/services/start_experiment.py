"""An experiment is about to start: set its workflow going, once."""

import hashlib
import re

from tandem.domain.ports import Workflows
from tandem.domain.starting_experiment import StartingExperiment
from tandem.domain.timestamps import iso_utc


class StartExperiment:
    """One execution for each experiment task; the name makes repeated events one."""

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows

    def __call__(self, experiment: StartingExperiment) -> None:
        """Raises WorkflowUnavailable; then the event comes again."""
        self._workflows.start(
            execution_name(experiment.experiment_task_id),
            {
                "experimentId": experiment.experiment_id,
                "experimentTaskId": experiment.experiment_task_id,
                "userId": experiment.owner.user_id,
                "namespace": experiment.owner.namespace,
                "faultAt": None if experiment.fault_at is None else iso_utc(experiment.fault_at),
            },
        )


def execution_name(experiment_task_id: str) -> str:
    """A name that Step Functions takes (80 of ``A-Za-z0-9-_``), readable, and different for different ids."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "-", experiment_task_id)[:40]
    return f"{readable}-{hashlib.sha256(experiment_task_id.encode()).hexdigest()[:32]}"
