"""Step 10: stop means stopped. Slow on some engines (15 to 45 s), so never inside an API call."""

from datetime import datetime, timedelta

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import AppError, EngineError
from tandem.domain.experiment_run import ExperimentRun, StepResult
from tandem.domain.limits import Limits
from tandem.domain.listed_loads import loads_by_task
from tandem.domain.load_engine import EngineRun, StatusAnswer, StopAnswer, lists_everything
from tandem.services.ask_engine import ask_status
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log, warn

SWEEPS_THAT_MISS_IT = 2
"""How many sweeps running must have been told 404 before a stop that is told 404 too is taken for confirmed."""


class StopNotConfirmed(AppError):
    """The engine has not confirmed yet that the load is over: stop again."""

    code = "STOP_NOT_CONFIRMED"


class StopLoadOfRun:
    """Carries out a stop that was asked for, until the engine confirms it."""

    def __init__(self, change: ChangeRun, engines: LoadEngines, clock: Clock, limits: Limits) -> None:
        self._change = change
        self._engines = engines
        self._clock = clock
        self._limits = limits

    def __call__(self, experiment_task_id: str) -> StepResult:
        """DONE once nothing runs. Raises StopNotConfirmed, or the engine's error, when it is to be called again."""
        run = self._change.read(experiment_task_id)
        if not run.stop_pending:
            return StepResult.of(run)
        if run.started_task.execution_id is None:
            run = self._look_for_load(run)
            if not run.stop_pending:
                return StepResult.of(run)
        run = self._claim(run)
        try:
            return StepResult.of(self._stop(run))
        finally:
            # Dying here leaves the claim to run out; then somebody else stops.
            mine = run.stop_claimed_at
            self._change(experiment_task_id, lambda run: _release(run, mine))

    def _stop(self, run: ExperimentRun) -> ExperimentRun:
        before = ask_status(self._engines, run)
        if isinstance(before, EngineRun) and before.status.is_ended:
            # Stopping a run that has ended can turn its COMPLETED into STOPPED (trap 13).
            return self._learn(run, before)
        said = self._engines.of(run.engine_name).stop(run.started_task.execution_id or "")
        after = ask_status(self._engines, run)
        if after is None:
            # Something in front of the engine may say 404 to everything while the load goes on: the list must agree,
            # and the sweeps must have been told the same for a while.
            after = self._listed(run)
        if isinstance(after, EngineRun) and after.status.is_ended:
            return self._learn(run, after)
        if after is None and said is StopAnswer.ALREADY_ENDED_OR_UNKNOWN and run.missing_sweeps >= SWEEPS_THAT_MISS_IT:
            return self._confirm_unknown(run)
        if isinstance(after, EngineRun):
            # It is there: 404s that sweeps were told before do not count any more.
            now = self._clock.now()
            self._change(run.experiment_task_id, lambda run: run.learn(after, now, is_sweep=False))
        words = after.message if isinstance(after, EngineError) else "the engine still runs the load, or may do so"
        warn(LogEvent.STOP_NOT_CONFIRMED, task_id=run.started_task.task_id, reason=words)
        raise StopNotConfirmed(words)

    def _listed(self, run: ExperimentRun) -> EngineRun | None:
        listed, task = self._engines.of(run.engine_name).list_runs(), run.started_task
        by_id = next((each for each in listed if each.execution_id == task.execution_id), None)
        return by_id or loads_by_task(listed).get(task.task_id)

    def _look_for_load(self, run: ExperimentRun) -> ExperimentRun:
        """The start was never answered: the load is stopped when it turns up, and is none when it does not."""
        listed = self._engines.of(run.engine_name).list_runs()
        found = loads_by_task(listed).get(run.started_task.task_id)
        now = self._clock.now()
        if found is not None:
            return self._change(run.experiment_task_id, lambda run: run.accept_load(found, self._limits.grace, now))
        if not run.surely_absent(now, self._limits, all_listed=lists_everything(listed)):
            raise StopNotConfirmed("the engine does not list the load, and it may be there all the same")
        return self._confirm_unknown(run)

    def _learn(self, run: ExperimentRun, answer: StatusAnswer) -> ExperimentRun:
        now = self._clock.now()

        def take(run: ExperimentRun) -> None:
            run.learn(answer, now, is_sweep=False)
            run.confirm_stop(now)

        changed = self._change(run.experiment_task_id, take)
        log(LogEvent.STOP_CONFIRMED, task_id=run.started_task.task_id, status=changed.started_task.status)
        return changed

    def _confirm_unknown(self, run: ExperimentRun) -> ExperimentRun:
        now = self._clock.now()
        changed = self._change(run.experiment_task_id, lambda run: run.confirm_nothing_runs(now))
        log(LogEvent.STOP_CONFIRMED, task_id=run.started_task.task_id, status=changed.started_task.status)
        return changed

    def _claim(self, run: ExperimentRun) -> ExperimentRun:
        """One stop at a time: a second one would turn the first one's COMPLETED into STOPPED, or wait for nothing."""
        now = self._clock.now()
        claim = timedelta(seconds=self._limits.stop_claim)

        def take(run: ExperimentRun) -> None:
            if run.stop_claimed_at is not None and now - run.stop_claimed_at < claim:
                raise StopNotConfirmed("another worker is stopping this load")
            run.stop_claimed_at = now

        return self._change(run.experiment_task_id, take)


def _release(run: ExperimentRun, claim: datetime | None) -> None:
    # A claim that ran out meanwhile may be another worker's by now.
    if run.stop_claimed_at == claim:
        run.stop_claimed_at = None
