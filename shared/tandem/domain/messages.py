"""What leaves the database through the outbox: events for the bus, work for a queue, answers to a waiting workflow.

Each is written in the transaction that makes it true and delivered afterwards, at least once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tandem.domain.timestamps import iso_utc


class Channel(StrEnum):
    """Where a message goes: EventBridge, the queue of slow stops, or ``SendTaskSuccess`` of Step Functions."""

    EVENT_BUS = "EVENT_BUS"
    STOP_QUEUE = "STOP_QUEUE"
    WORKFLOW = "WORKFLOW"


class StopWhat(StrEnum):
    """What a message in the queue of stops wants stopped: the load on the engine, or the fault in FIS."""

    LOAD = "LOAD"
    INJECTION = "INJECTION"


class EventName(StrEnum):
    """The detail types of source ``tandem`` (docs/events.md)."""

    TASK_STATE_CHANGED = "LoadTestTaskStateChanged"
    FAULT_WINDOW_OPEN = "FaultWindowOpen"
    EXPERIMENT_ABORT_REQUESTED = "ExperimentAbortRequested"
    REPORT_READY = "LoadTestReportReady"
    RESULTS_OUTDATED = "LoadTestResultsOutdated"


@dataclass(frozen=True, slots=True)
class Message:
    """``topic`` is the detail type, or the task token for WORKFLOW; ``body`` is plain JSON."""

    channel: Channel
    topic: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """Which run an event is about: the fields that every event of ours carries. ``task_id`` is None without a load."""

    experiment_id: str
    experiment_task_id: str
    task_id: str | None
    user_id: str
    namespace: str

    def event(self, name: EventName, at: datetime, **more: Any) -> Message:
        """An event for the bus about this run; ``more`` stands beside the common fields."""
        body = {
            "experimentId": self.experiment_id,
            "experimentTaskId": self.experiment_task_id,
            "taskId": self.task_id,
            "userId": self.user_id,
            "namespace": self.namespace,
            "at": iso_utc(at),
        }
        return Message(Channel.EVENT_BUS, name, body | more)
