"""An experiment that is about to start, as whoever starts it tells us."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tandem.domain.identity import Owner

EARLIEST_FAULT_AT = datetime(2000, 1, 1, tzinfo=UTC)
LONGEST_AHEAD = timedelta(days=365)
"""No workflow waits longer (the state machine's TimeoutSeconds)."""


@dataclass(frozen=True, slots=True)
class StartingExperiment:
    """What ``ExperimentStarting`` said. ``fault_at`` is when the platform itself will inject, if it does."""

    experiment_id: str
    experiment_task_id: str
    owner: Owner
    fault_at: datetime | None = None

    def error_of_fault_at(self, now: datetime) -> str | None:
        """What is wrong with ``faultAt``; None for one that can be waited for. A past one is due at once."""
        if self.fault_at is None or EARLIEST_FAULT_AT <= self.fault_at <= now + LONGEST_AHEAD:
            return None
        return "faultAt must lie after the year 2000 and at most 365 days ahead"
