"""An experiment that is about to start, as whoever starts it tells us."""

from dataclasses import dataclass
from datetime import datetime

from tandem.domain.identity import Owner


@dataclass(frozen=True, slots=True)
class StartingExperiment:
    """What ``ExperimentStarting`` said. ``fault_at`` is when the platform itself will inject, if it does."""

    experiment_id: str
    experiment_task_id: str
    owner: Owner
    fault_at: datetime | None = None
