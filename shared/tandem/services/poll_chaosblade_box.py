"""What a ChaosBlade-Box does by itself becomes events on our bus: an experiment task that runs, one that has ended.

Nothing is remembered here: a task without a run is announced, the unfinished run of a task that is over is finished.
Whoever dies half way, or asks twice, does no harm; the events are idempotent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem.domain.chaosblade_box import BoxRefused, BoxTask, ChaosBladeBox, PlatformEvent, PlatformEvents
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
OTHER_PLATFORMS = ("fis:",)
"""Experiment ids that begin so belong to somebody else than the box."""


@dataclass(frozen=True, slots=True)
class PollReport:
    """How many experiments were asked about, and what came of it. ``complete``: there was time for all of them."""

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

        Raises BoxUnavailable, DatabaseUnavailable, EventsNotSent.
        """
        until = self._clock.now() + timedelta(seconds=BUDGET_SECONDS)
        enabled = self._database.read(lambda uow: uow.strategies.enabled(MOST_EXPERIMENTS))
        strategies = [each for each in enabled if _is_of_box(each.experiment_id)]
        asked, refused, listed = self._list(self._in_turn(strategies), until)
        ids = [task.task_id for task, _ in listed]
        known = {run.experiment_task_id: run for run in self._database.read(lambda uow: uow.runs.get_many(ids))}
        started = [_starting(task, owner) for task, owner in listed if task.is_under_way and task.task_id not in known]
        ended = self._ended((task for task, _ in listed), known, until)
        self._events.put([*started, *(_finished(task, run) for task, run in ended)])
        report = PollReport(asked, len(started), len(ended), refused, asked + refused == len(strategies))
        log(LogEvent.BOX_POLLED, asked=asked, starting=report.starting, finished=report.finished, refused=refused)
        return report

    def _in_turn(self, strategies: Sequence[LoadTestStrategy]) -> list[LoadTestStrategy]:
        """Begin elsewhere every minute, so that with too little time each comes first now and then."""
        begin = int(self._clock.now().timestamp() // 60) * 37 % max(1, len(strategies))
        return [*strategies[begin:], *strategies[:begin]]

    def _list(
        self, strategies: Iterable[LoadTestStrategy], until: datetime
    ) -> tuple[int, int, list[tuple[BoxTask, Owner]]]:
        asked, refused, listed = 0, 0, list[tuple[BoxTask, Owner]]()
        for strategy in strategies:
            if self._clock.now() >= until:
                break
            try:
                tasks = self._box.latest_tasks(strategy.experiment_id)
            except BoxRefused as refusal:
                refused += 1
                warn(LogEvent.BOX_REFUSED, experiment_id=strategy.experiment_id, reason=refusal.message)
                continue
            asked += 1
            listed += [(task, strategy.owner) for task in tasks if task.experiment_id == strategy.experiment_id]
        return asked, refused, listed

    def _ended(
        self, listed: Iterable[BoxTask], known: dict[str, ExperimentRun], until: datetime
    ) -> list[tuple[BoxTask, ExperimentRun]]:
        """Tasks that are over while their run does not know; those whose strategy is gone by now as well."""
        over = {task.task_id for task in listed if task.has_ended}
        open_runs = {name: run for name, run in known.items() if name in over and run.finished_at is None}
        for run in self._database.read(_unsettled):
            if run.finished_at is None and run.experiment_task_id not in known and _is_of_box(run.experiment_id or ""):
                open_runs[run.experiment_task_id] = run
        found = list[tuple[BoxTask, ExperimentRun]]()
        for name, run in open_runs.items():
            task = self._look(name) if self._clock.now() < until else None
            if task is not None and task.has_ended:
                found.append((task, run))
        return found

    def _look(self, task_id: str) -> BoxTask | None:
        """The task with its fault; None when the box has none of this id, which may be another platform's."""
        try:
            return self._box.task(task_id)
        except BoxRefused:
            return None


def _unsettled(uow: UnitOfWork) -> list[ExperimentRun]:
    return uow.runs.get_many([each.experiment_task_id for each in uow.runs.unsettled(MOST_RUNS)])


def _is_of_box(experiment_id: str) -> bool:
    return not experiment_id.startswith(OTHER_PLATFORMS)


def _starting(task: BoxTask, owner: Owner) -> PlatformEvent:
    detail: dict[str, object] = {
        "experimentId": task.experiment_id,
        "experimentTaskId": task.task_id,
        "userId": owner.user_id,
        "namespace": owner.namespace,
    }
    return PlatformEvent("ExperimentStarting", detail)


def _finished(task: BoxTask, run: ExperimentRun) -> PlatformEvent:
    detail: dict[str, object] = {"experimentTaskId": task.task_id, "outcome": task.outcome}
    if task.message:
        detail["reason"] = task.message[:2000]
    if run.owner is not None:
        detail |= {"userId": run.owner.user_id, "namespace": run.owner.namespace}
    for name, moment in (("faultStartedAt", task.fault.started_at), ("faultEndedAt", task.fault.ended_at)):
        if moment is not None:
            detail[name] = iso_utc(moment)
    return PlatformEvent("ExperimentFinished", detail)
