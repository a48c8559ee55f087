"""An announced experiment gets no load: log it, keep it for whoever announced it, and answer if that is wanted."""

from dataclasses import replace
from datetime import datetime, timedelta

from tandem.domain.announcement import Announcement, NoLoadCode, without_load
from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.limits import Limits
from tandem.domain.ports import Database, UnitOfWork
from tandem.domain.starting_experiment import StartingExperiment
from tandem.services.deliver_messages import DeliverMessages
from tandem.telemetry import LogEvent, warn

_EVENT_OF = {
    NoLoadCode.NO_ENABLED_STRATEGY: LogEvent.NO_ENABLED_STRATEGY,
    NoLoadCode.EXPERIMENT_ENDED: LogEvent.EXPERIMENT_REFUSED,
    NoLoadCode.EXPERIMENT_TASK_ID_TAKEN: LogEvent.EXPERIMENT_REFUSED,
    NoLoadCode.TOO_MANY_RUNS: LogEvent.EXPERIMENT_REFUSED,
}
"""Whoever refuses an event has logged that, with what it was: one line for each, since they are counted."""


class NoteAnnouncement:
    """``answers``: send ``FaultWindowOpen`` without a load where there is no strategy (the setting)."""

    def __init__(
        self, database: Database, deliver: DeliverMessages, clock: Clock, limits: Limits, *, answers: bool
    ) -> None:
        self._database = database
        self._deliver = deliver
        self._clock = clock
        self._answered_for = timedelta(seconds=limits.finish_remembered)
        self._answers = answers

    def __call__(self, experiment: StartingExperiment, code: NoLoadCode, why: str = "") -> Announcement:
        """Keep why this experiment has no load. Repeats write the same entry again, and answer once."""
        now = self._clock.now()
        fresh = without_load(experiment, code, now, why)
        answers = self._answers and code is NoLoadCode.NO_ENABLED_STRATEGY

        def work(uow: UnitOfWork) -> Announcement:
            before = uow.announcements.lock(fresh.owner, fresh.experiment_task_id)
            answered_at = None if before is None else before.answered_at
            if answered_at is not None and answered_at < now - self._answered_for:
                answered_at = None
            if answered_at is None and answers and _use_up(uow, fresh, now):
                answered_at = now
                uow.outbox.append([fresh.answer(now)], now)
            kept = replace(fresh, answered_at=answered_at)
            uow.announcements.put(kept, known=before is not None)
            return kept

        kept = self._database.write(work)
        if code in _EVENT_OF:
            warn(
                _EVENT_OF[code],
                experiment_task_id=experiment.experiment_task_id,
                experiment_id=experiment.experiment_id,
                user_id=experiment.owner.user_id,
                namespace=experiment.owner.namespace,
                reason=kept.reason if kept.answered_at else f"{kept.reason}, no FaultWindowOpen",
            )
        if kept.answered_at == now:
            self._deliver()
        return kept


def _use_up(uow: UnitOfWork, announced: Announcement, now: datetime) -> bool:
    """See to it that no load starts for this experiment any more; False when there is a task already.

    The run's unique key decides between this and whoever creates the task at the same moment.
    """
    run = uow.runs.lock(announced.experiment_task_id)
    if run is not None and run.task is not None:
        return False
    if run is None:
        remembered = ExperimentRun(experiment_task_id=announced.experiment_task_id, created_at=now)
        remembered.owner = announced.owner
        remembered.finish(Outcome.FAILED, announced.reason, now)
        uow.runs.add(remembered)
    elif run.owner != announced.owner:
        # Another user's word on the id stands there: now it counts for both.
        run.owner = None
        uow.runs.save([run])
    return True
