"""The sweep's look at faults of our own: a safety net for events of FIS that were lost."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.injection import Injection, Injections, InjectionsUnavailable
from tandem.domain.limits import Limits
from tandem.domain.unsettled_run import UnsettledRun
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, warn

MOST_QUESTIONS = 20
"""In one sweep; with more faults at once each has its turn every few sweeps."""
_TURN_SECONDS = 30


class WatchInjections:
    """Asks FIS about the faults that it should have ended, or stopped, by its own events."""

    def __init__(self, change: ChangeRun, injections: Injections, clock: Clock, limits: Limits) -> None:
        self._change = change
        self._injections = injections
        self._clock = clock
        self._limits = limits

    def __call__(self, runs: Sequence[UnsettledRun]) -> None:
        """Look at those of these runs that are due. Never raises InjectionsUnavailable: the next sweep asks again."""
        now = self._clock.now()
        unheard = timedelta(seconds=self._limits.injection_unheard)
        due = [
            run
            for run in runs
            if run.injection_may_run
            and run.window_opened_at is not None
            and (run.injection_stop_pending or now - run.window_opened_at >= unheard)
        ]
        for run in _turn_of(due, now):
            try:
                self._look(self._change.read(run.experiment_task_id), now)
            except InjectionsUnavailable as trouble:
                # One that does not answer costs seconds; the others would fare no better.
                warn(LogEvent.FIS_TROUBLE, experiment_task_id=run.experiment_task_id, reason=trouble.message)
                return

    def _look(self, run: ExperimentRun, now: datetime) -> None:
        if run.injection_id is None:
            injection = self._injections.find(run.template_id or "", run.started_task.task_id)
        else:
            injection = self._injections.get(run.injection_id)
        if injection is None:
            self._change(run.experiment_task_id, lambda run: run.miss_injection(self._limits, now))
        elif injection.state.ended or run.injection_id is None or run.injection_stop_pending:
            found = self._whole(injection)
            self._change(run.experiment_task_id, lambda run: run.learn_injection(found, now))

    def _whole(self, injection: Injection) -> Injection:
        """With the times of its actions, which a list leaves out."""
        if not injection.state.ended or injection.fault_started_at is not None:
            return injection
        return self._injections.get(injection.injection_id) or injection


def _turn_of(due: Sequence[UnsettledRun], now: datetime) -> Sequence[UnsettledRun]:
    """The part of them whose turn it is in this half minute."""
    parts = -(-len(due) // MOST_QUESTIONS)
    if parts <= 1:
        return due
    first = int(now.timestamp() / _TURN_SECONDS) % parts * MOST_QUESTIONS
    return due[first : first + MOST_QUESTIONS]
