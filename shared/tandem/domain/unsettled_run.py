"""What is still to be done for a run: the rules, and the few members that the sweep reads of thousands of runs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.injection import template_of
from tandem.domain.load_part import LoadAddress, LoadPart
from tandem.domain.task import TaskStatus


class Undone(ABC):
    """The rules over the members that a whole run and the sweep's short form of it share. Times are aware UTC."""

    __slots__ = ()

    created_at: datetime
    experiment_id: str | None
    workflow_arn: str | None
    deadline: datetime | None
    window_opened_at: datetime | None
    abort_requested_at: datetime | None
    stop_requested_at: datetime | None
    stop_confirmed_at: datetime | None
    finished_at: datetime | None
    injection_ended_at: datetime | None
    engine: str | None
    parts: Sequence[LoadPart]

    @property
    @abstractmethod
    def task_status(self) -> TaskStatus | None:
        """The state of the run's task; None while it has none."""

    @property
    def engine_name(self) -> str:
        """The engine of the run's load; a run from before there was a pool has the default one."""
        return self.engine or DEFAULT_ENGINE

    @property
    def stop_pending(self) -> bool:
        """A stop was asked for and the engine has not confirmed it yet."""
        return self.stop_requested_at is not None and self.stop_confirmed_at is None

    @property
    def window_undecided(self) -> bool:
        """The platform still waits for a word from us: window, abort, or its own end, whichever comes first."""
        return (
            self.task_status is not None
            and self.finished_at is None
            and self.window_opened_at is None
            and self.abort_requested_at is None
        )

    @property
    def settled(self) -> bool:
        """Nothing is left to do for this run, ever."""
        task_over = self.task_status is None or self.task_status.ended
        return task_over and not self.stop_pending and not self.window_undecided and not self.injection_may_run

    @property
    def template_id(self) -> str | None:
        """The FIS template whose fault we inject ourselves; None when another platform injects."""
        return template_of(self.experiment_id)

    @property
    def injection_may_run(self) -> bool:
        """The fault is ours, its window is open, and FIS has not said yet that it is over."""
        return self.template_id is not None and self.window_opened_at is not None and self.injection_ended_at is None

    @property
    def injection_stop_pending(self) -> bool:
        """FIS has to stop our fault, and has not said yet that it is over."""
        return self.injection_may_run and (self.abort_requested_at is not None or self.finished_at is not None)

    @property
    def needs_workflow(self) -> bool:
        """Without a workflow this run is in trouble: the platform waits, or our own fault goes on beside a load."""
        active = self.task_status is not None and not self.task_status.ended
        return self.window_undecided or (active and self.injection_may_run and not self.injection_stop_pending)

    def given_up_on(self, engine: str) -> bool:
        """The task has ended and no stop is on its way to that engine: a load of it that still runs there is an orphan.

        Of a load in parts a stop goes only to those engines whose part is not known to be over.
        """
        if self.task_status is None or not self.task_status.ended:
            return False
        stops_there = not self.parts or any(part.engine == engine and part.over_at is None for part in self.parts)
        return not (self.stop_pending and stops_there)

    def overdue(self, now: datetime) -> bool:
        """Whether the load outlived its deadline."""
        active = self.task_status is not None and not self.task_status.ended
        return active and self.deadline is not None and now >= self.deadline

    def leaderless(self, now: datetime, lost_after: timedelta, led: Set[str] | None) -> bool:
        """Whether the run needs a workflow and none of ``led`` leads it any more; None: nobody can tell."""
        old = self.created_at < now - lost_after
        gone = led is not None and self.workflow_arn is not None and self.workflow_arn not in led
        return self.needs_workflow and old and gone


@dataclass(slots=True)
class UnsettledRun(Undone):
    """A run as the sweep reads it. ``watched_closely``: a lost load must be noticed within seconds.

    ``parts`` are those of a load on several engines, and then ``execution_id`` and ``engine`` are of the first.
    """

    experiment_task_id: str
    task_id: str
    status: TaskStatus
    execution_id: str | None
    created_at: datetime
    experiment_id: str | None
    workflow_arn: str | None
    deadline: datetime | None
    window_opened_at: datetime | None
    abort_requested_at: datetime | None
    stop_requested_at: datetime | None
    stop_confirmed_at: datetime | None
    finished_at: datetime | None
    injection_ended_at: datetime | None
    missing_sweeps: int
    watched_closely: bool
    engine: str | None
    parts: Sequence[LoadPart] = ()

    @property
    def task_status(self) -> TaskStatus:
        return self.status

    @property
    def known_loads(self) -> list[LoadAddress]:
        """Everything of the load that is not known to be over."""
        if not self.parts:
            return [] if self.execution_id is None else [LoadAddress(self.engine_name, self.execution_id)]
        return [part.address for part in self.parts if part.over_at is None and part.address is not None]
