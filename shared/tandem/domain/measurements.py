"""What is measured, and where measurements go. docs/operations.md lists the metrics that come of them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

Values = Mapping[str, float]
"""By metric. A name says its unit by its end (Seconds, Milliseconds, Bytes), else it is a count."""


class RunMetric(StrEnum):
    """Facts of one experiment task, each measured once, when the transaction that makes it true has committed.

    EVENT_TO_LOAD: from the task's creation, or from the planned start where the fault has a fixed moment, until the
    engine accepted the load. EVENT_TO_FIRST_SAMPLE: until requests arrived. STOP: from a stop being asked for until
    the engine confirmed it. The others count tasks by the state in which they ended.
    """

    EVENT_TO_LOAD = "EventToLoadSeconds"
    EVENT_TO_FIRST_SAMPLE = "EventToFirstSampleSeconds"
    STOP = "StopSeconds"
    SUCCEEDED = "TasksSucceeded"
    FAILED = "TasksFailed"
    STOPPED = "TasksStopped"
    TIMED_OUT = "TasksTimedOut"


class EngineCall(StrEnum):
    """The kinds of calls to an engine that are told apart: few, since each is a metric of its own.

    STATUS: one state, many, the list, health. READ: metrics, events, where results are. FILE: up and down.
    """

    START = "start"
    STOP = "stop"
    STATUS = "status"
    READ = "read"
    FILE = "file"


class Meter(Protocol):
    """Takes measurements. Never raises: nothing may fail because it is watched."""

    def record(self, values: Values, call: EngineCall | None = None) -> None:
        """Take values of now; those of a ``call`` count for its kind and, together with the others, for the service."""
        ...
