"""Step 9, when the load was lost and the strategy says abort: make sure that the platform was asked."""

from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.workflow_step import NextStep, StepResult
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, warn


class AbortExperiment:
    """The request itself left with the failure, in one transaction; this is the workflow's second look."""

    def __init__(self, change: ChangeRun, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    def __call__(self, experiment_task_id: str) -> StepResult:
        """STOP when the engine has yet to confirm a stop, else DONE."""
        now = self._clock.now()

        def abort(run: ExperimentRun) -> None:
            run.request_abort(run.load_failure or run.stop_reason or "the load was lost", now)

        run = self._change(experiment_task_id, abort)
        warn(LogEvent.ABORT_REQUESTED, experiment_task_id=experiment_task_id, reason=run.load_failure)
        rest = NextStep.STOP if run.stop_pending else NextStep.DONE
        return StepResult(rest, load_failed=True, reason=run.load_failure or "")
