"""Step 10: stop means stopped. Slow on some engines (15 to 45 s), so never inside an API call."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import AppError, EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.listed_loads import loads_by_task
from tandem.domain.load_engine import EngineRun, StatusAnswer, StopAnswer, lists_everything
from tandem.domain.load_part import LoadPart
from tandem.domain.workflow_step import StepResult
from tandem.services.ask_engine import ask_status
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log, warn

SWEEPS_THAT_MISS_IT = 2
"""How many sweeps running must have been told 404 before a stop that is told 404 too is taken for confirmed."""


class StopNotConfirmed(AppError):
    """The engine has not confirmed yet that the load is over: stop again."""

    code = "STOP_NOT_CONFIRMED"


@dataclass(frozen=True, slots=True)
class _Halt:
    """What an engine answered to a stop, and said then of the run; ``failed``: it could not be asked to the end."""

    answer: StatusAnswer
    said: StopAnswer | None = None
    failed: bool = False


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
        run, trouble = self._look_for_loads(run)
        if run.stop_pending and any(part.execution_id is not None and part.may_run for part in run.load_parts):
            run = self._claim(run)
            try:
                run = self._stop(run)
            finally:
                # Dying here leaves the claim to run out; then somebody else stops.
                mine = run.stop_claimed_at
                self._change(experiment_task_id, lambda run: _release(run, mine))
        if trouble is not None:
            raise trouble
        return StepResult.of(run)

    def _stop(self, run: ExperimentRun) -> ExperimentRun:
        """Stop all parts at the same time, and take what each engine says. Raises what hindered any of them."""
        parts = {part.engine: part for part in run.load_parts if part.execution_id is not None and part.may_run}
        found = self._engines.side_by_side(list(parts), lambda name: self._stop_part(run, parts[name]))
        troubles: list[AppError] = []
        for name, halt in found.items():
            try:
                run = self._take(run, parts[name], halt)
            except (EngineError, StopNotConfirmed) as trouble:
                troubles.append(trouble)
        if troubles:
            raise troubles[0]
        return run

    def _stop_part(self, run: ExperimentRun, part: LoadPart) -> _Halt:
        """Ask the engine, and change nothing here: several are asked at the same time."""
        before = ask_status(self._engines, part)
        if isinstance(before, EngineRun) and before.status.is_ended:
            # Stopping a run that has ended can turn its COMPLETED into STOPPED (trap 13).
            return _Halt(before)
        try:
            said = self._engines.of(part.engine).stop(part.execution_id or "")
            after = ask_status(self._engines, part)
            if after is None:
                # Something in front of the engine may say 404 to everything while the load goes on: the list must
                # agree, and the sweeps must have been told the same for a while.
                after = self._listed(run, part)
        except EngineError as trouble:
            return _Halt(trouble, failed=True)
        return _Halt(after, said)

    def _take(self, run: ExperimentRun, part: LoadPart, halt: _Halt) -> ExperimentRun:
        """What a stop came to, for the run. Raises StopNotConfirmed, or the engine's error."""
        after = halt.answer
        if halt.failed and isinstance(after, EngineError):
            raise after
        if isinstance(after, EngineRun) and after.status.is_ended:
            return self._learn(run, part, after)
        unknown = after is None and halt.said is StopAnswer.ALREADY_ENDED_OR_UNKNOWN
        if unknown and part.missing_sweeps >= SWEEPS_THAT_MISS_IT:
            return self._confirm_unknown(run, part)
        if isinstance(after, EngineRun):
            # It is there: 404s that sweeps were told before do not count any more.
            now = self._clock.now()
            self._change(run.experiment_task_id, lambda run: run.learn_all({part.engine: after}, now, is_sweep=False))
        words = after.message if isinstance(after, EngineError) else "the engine still runs the load, or may do so"
        warn(LogEvent.STOP_NOT_CONFIRMED, task_id=run.started_task.task_id, engine=part.engine, reason=words)
        raise StopNotConfirmed(words)

    def _listed(self, run: ExperimentRun, part: LoadPart) -> EngineRun | None:
        listed = self._engines.of(part.engine).list_runs()
        by_id = next((each for each in listed if each.execution_id == part.execution_id), None)
        return by_id or loads_by_task(listed).get(run.started_task.task_id)

    def _look_for_loads(self, run: ExperimentRun) -> tuple[ExperimentRun, AppError | None]:
        """Look for what was never answered; what hinders that for one part keeps none of the others running."""
        hindered: AppError | None = None
        for part in [part for part in run.load_parts if part.unanswered]:
            try:
                run = self._look_for_load(run, part)
            except (EngineError, StopNotConfirmed) as trouble:
                hindered = trouble
        return run, hindered

    def _look_for_load(self, run: ExperimentRun, part: LoadPart) -> ExperimentRun:
        """The start was never answered: the load is stopped when it turns up, and is none when it does not."""
        listed = self._engines.of(part.engine).list_runs()
        found = loads_by_task(listed).get(run.started_task.task_id)
        now = self._clock.now()
        if found is not None:
            return self._change(
                run.experiment_task_id, lambda run: run.accept_load(found, self._limits.grace, now, on=part.engine)
            )
        if not run.surely_absent(part, now, self._limits, all_listed=lists_everything(listed)):
            raise StopNotConfirmed("the engine does not list the load, and it may be there all the same")
        return self._confirm_unknown(run, part)

    def _learn(self, run: ExperimentRun, part: LoadPart, answer: StatusAnswer) -> ExperimentRun:
        now = self._clock.now()

        def take(run: ExperimentRun) -> None:
            run.learn_all({part.engine: answer}, now, is_sweep=False)
            run.confirm_over(part.engine, now)

        changed = self._change(run.experiment_task_id, take)
        self._tell(changed, part)
        return changed

    def _confirm_unknown(self, run: ExperimentRun, part: LoadPart) -> ExperimentRun:
        now = self._clock.now()
        changed = self._change(run.experiment_task_id, lambda run: run.confirm_absent(part.engine, now))
        self._tell(changed, part)
        return changed

    def _tell(self, run: ExperimentRun, part: LoadPart) -> None:
        task = run.started_task
        log(LogEvent.STOP_CONFIRMED, task_id=task.task_id, engine=part.engine, status=task.status)

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
