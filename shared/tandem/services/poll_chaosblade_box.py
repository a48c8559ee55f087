"""What a ChaosBlade-Box does by itself becomes events on our bus: an experiment task that runs, one that has ended.

Nothing is remembered here: a task without a run is announced, the unfinished run of a task that is over is finished.
A poll that dies half way, or asks twice, does no harm; the events are idempotent.
Each request is judged by itself: one experiment or task that the box refuses keeps nothing from the others.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from tandem.domain.chaosblade_box import (
    BoxRefused,
    BoxTask,
    BoxUnavailable,
    ChaosBladeBox,
    PlatformEvent,
    PlatformEvents,
    may_be_of_box,
)
from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, UnitOfWork
from tandem.domain.strategy import LoadTestStrategy
from tandem.domain.timestamps import iso_utc
from tandem.telemetry import LogEvent, log, warn

MOST_EXPERIMENTS = 500
MOST_RUNS = 1_000
BUDGET_SECONDS = 40
FAILURES_IN_A_ROW = 3
"""After so many requests without an answer the box is taken for unreachable: each may cost eight seconds."""
FAULT_TIMES_AWAITED = timedelta(minutes=30)
"""For so long after a run was finished, on the task's being stopped, the times of its fault are still looked for."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PollReport:
    """How many experiments were asked about, and what came of it. ``complete``: there was time for all of them.

    ``refused`` counts the experiments and tasks that the box would not or could not answer about.
    """

    asked: int
    starting: int
    finished: int
    refused: int
    complete: bool


class PollChaosBladeBox:
    def __init__(self, database: Database, box: ChaosBladeBox, events: PlatformEvents, clock: Clock) -> None:
        self._database = database
        self._box = box
        self._events = events
        self._clock = clock

    def __call__(self) -> PollReport:
        """Ask once about every experiment with an enabled strategy, and about loads whose experiment has not ended.

        Raises DatabaseUnavailable and EventsNotSent; BoxUnavailable, after what is known was put on the bus, when no
        experiment could be asked about.
        """
        questions = _Questions(self._clock, self._clock.now() + timedelta(seconds=BUDGET_SECONDS))
        enabled = self._database.read(lambda uow: uow.strategies.enabled(MOST_EXPERIMENTS))
        strategies = [each for each in enabled if may_be_of_box(each.experiment_id)]
        asked, listed = self._list(self._in_turn(strategies), questions)
        ids = [task.task_id for task, _ in listed]
        known = {run.experiment_task_id: run for run in self._database.read(lambda uow: uow.runs.get_many(ids))}
        started = [_starting(task, owner) for task, owner in listed if task.is_under_way and task.task_id not in known]
        tasks = {task.task_id: task for task, _ in listed}
        ended = self._ended(tasks, known, questions)
        faults = self._faults_of_the_stopped(tasks, known, questions)
        self._events.put([*started, *(_finished(task, run) for task, run in ended), *faults])
        if asked == 0 and questions.last_failure is not None:
            raise questions.last_failure
        report = PollReport(asked, len(started), len(ended), questions.refused, not questions.gave_up)
        log(
            LogEvent.BOX_POLLED, asked=asked, starting=report.starting, finished=report.finished, refused=report.refused
        )
        return report

    def _in_turn(self, strategies: Sequence[LoadTestStrategy]) -> list[LoadTestStrategy]:
        """Begin elsewhere every minute, so that with too little time each comes first now and then."""
        begin = int(self._clock.now().timestamp() // 60) * 37 % max(1, len(strategies))
        return [*strategies[begin:], *strategies[:begin]]

    def _list(
        self, strategies: Iterable[LoadTestStrategy], questions: "_Questions"
    ) -> tuple[int, list[tuple[BoxTask, Owner]]]:
        asked, listed = 0, list[tuple[BoxTask, Owner]]()
        for strategy in strategies:
            experiment_id = strategy.experiment_id
            tasks = questions.ask(partial(self._box.latest_tasks, experiment_id), experiment_id=experiment_id)
            if tasks is not None:
                asked += 1
                listed += [(task, strategy.owner) for task in tasks if task.experiment_id == experiment_id]
        return asked, listed

    def _ended(
        self, listed: dict[str, BoxTask], known: dict[str, ExperimentRun], questions: "_Questions"
    ) -> list[tuple[BoxTask, ExperimentRun]]:
        """Tasks that are over while their run does not know; those whose strategy is gone by now as well."""
        over = {name for name, task in listed.items() if task.is_ending}
        open_runs = {name: run for name, run in known.items() if name in over and run.finished_at is None}
        for run in self._database.read(_unsettled):
            if (
                run.finished_at is None
                and run.experiment_task_id not in known
                and may_be_of_box(run.experiment_id or "")
            ):
                open_runs[run.experiment_task_id] = run
        found = list[tuple[BoxTask, ExperimentRun]]()
        for name, run in open_runs.items():
            task = listed.get(name)
            if task is None or task.has_ended:
                # The details tell a stop from an end, and when the fault was. Without them the list's word has to do.
                task = self._look(name, questions) or task
            if task is not None and task.is_ending:
                found.append((task, run))
        return found

    def _faults_of_the_stopped(
        self, listed: dict[str, BoxTask], known: dict[str, ExperimentRun], questions: "_Questions"
    ) -> list[PlatformEvent]:
        """A run is finished when its task begins to stop; the recovery's end is known only when that has ended."""
        since = self._clock.now() - FAULT_TIMES_AWAITED
        found = list[PlatformEvent]()
        for name, run in known.items():
            if run.finished_at is None or run.finished_at < since or run.fault_ended_at is not None:
                continue
            if name in listed and listed[name].has_ended:
                task = self._look(name, questions)
                if task is not None and task.has_ended and task.fault.ended_at is not None:
                    found.append(PlatformEvent("FaultStateChanged", _about(run) | _fault_of(task)))
        return found

    def _look(self, task_id: str, questions: "_Questions") -> BoxTask | None:
        """The task with its fault; None when the box has none of this id, which may be another platform's."""
        return questions.ask(partial(self._box.task, task_id), experiment_task_id=task_id)


class _Questions:
    """Requests to the box, each judged by itself, until the time is up or the box does not answer any more."""

    def __init__(self, clock: Clock, until: datetime) -> None:
        self._clock = clock
        self._until = until
        self._failures = 0
        self.refused = 0
        self.gave_up = False
        self.last_failure: BoxUnavailable | None = None

    def ask(self, question: Callable[[], T], **about: str) -> T | None:
        """The answer; None when there is none."""
        if self._clock.now() >= self._until or self._failures >= FAILURES_IN_A_ROW:
            self.gave_up = True
            return None
        try:
            answer = question()
        except BoxRefused as refusal:
            self._failures = 0
            self.refused += 1
            warn(LogEvent.BOX_REFUSED, reason=refusal.message, **about)
            return None
        except BoxUnavailable as failure:
            self._failures += 1
            self.refused += 1
            self.last_failure = failure
            warn(LogEvent.BOX_REFUSED, reason=failure.message, **about)
            return None
        self._failures = 0
        return answer


def _unsettled(uow: UnitOfWork) -> list[ExperimentRun]:
    return uow.runs.get_many([each.experiment_task_id for each in uow.runs.unsettled(MOST_RUNS)])


def _starting(task: BoxTask, owner: Owner) -> PlatformEvent:
    detail: dict[str, object] = {
        "experimentId": task.experiment_id,
        "experimentTaskId": task.task_id,
        "userId": owner.user_id,
        "namespace": owner.namespace,
    }
    return PlatformEvent("ExperimentStarting", detail)


def _finished(task: BoxTask, run: ExperimentRun) -> PlatformEvent:
    detail = _about(run) | {"outcome": task.outcome}
    if task.message:
        detail["reason"] = task.message[:2000]
    return PlatformEvent("ExperimentFinished", detail | _fault_of(task))


def _about(run: ExperimentRun) -> dict[str, object]:
    detail: dict[str, object] = {"experimentTaskId": run.experiment_task_id}
    if run.owner is not None:
        detail |= {"userId": run.owner.user_id, "namespace": run.owner.namespace}
    return detail


def _fault_of(task: BoxTask) -> dict[str, object]:
    moments = (("faultStartedAt", task.fault.started_at), ("faultEndedAt", task.fault.ended_at))
    return {name: iso_utc(moment) for name, moment in moments if moment is not None}
