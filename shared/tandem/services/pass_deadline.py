"""The wait for the end timed out: when the deadline has passed the task is TIMEOUT and its load is stopped."""

from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.workflow_step import StepResult
from tandem.services.change_run import ChangeRun


class PassDeadline:
    """Ends what is past its deadline; the sweep does the same for what no workflow leads."""

    def __init__(self, change: ChangeRun, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    def __call__(self, experiment_task_id: str) -> StepResult:
        """STOP while the engine has yet to confirm, else DONE."""
        now = self._clock.now()

        def end(run: ExperimentRun) -> None:
            run.task_token = None
            run.pass_deadline(now)

        return StepResult.of(self._change(experiment_task_id, end))
