"""Count what an operator's alarms and the dashboard rest on."""

from datetime import datetime, timedelta

from tandem.domain.clock import Clock
from tandem.domain.housekeeping import Housekeeping, Statistics

OVERDUE = timedelta(minutes=3)
"""The sweep ends a task at its deadline; six sweeps later something is wrong."""


class PublishStatistics:
    def __init__(self, housekeeping: Housekeeping, clock: Clock) -> None:
        self._housekeeping = housekeeping
        self._clock = clock

    def __call__(self) -> dict[str, float]:
        """The metrics by name: counts, seconds and bytes. Raises DatabaseUnavailable."""
        now = self._clock.now()
        return metrics_of(self._housekeeping.statistics(now, now - OVERDUE), now)


def metrics_of(found: Statistics, now: datetime) -> dict[str, float]:
    """The names that template.yaml's alarms use."""
    return {
        "TasksPending": found.tasks_pending,
        "TasksRunning": found.tasks_running,
        "TasksOverdue": found.tasks_overdue,
        "StopsPending": found.stops_pending,
        "OldestPendingStopSeconds": _age(found.oldest_pending_stop, now),
        "MessagesWaiting": found.messages_waiting,
        "OldestMessageSeconds": _age(found.oldest_message, now),
        "SweepAgeSeconds": _age(found.last_sweep, now),
        "DatabaseBytes": found.database_bytes,
    }


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
