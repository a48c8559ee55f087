"""When the workflow itself failed or is gone: leave no load running, no row stuck and no platform waiting."""

from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.workflow_step import StepResult
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, warn


class CleanUpRun:
    """The state machine's own catch, the rule on failed executions and the sweep all end here; once is enough."""

    def __init__(self, change: ChangeRun, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    def __call__(self, experiment_task_id: str, reason: str) -> StepResult:
        """STOP when the engine has yet to confirm a stop, else DONE. Raises RunNotFound."""
        now = self._clock.now()

        def clean(run: ExperimentRun) -> None:
            run.lose_workflow(reason, now)

        run = self._change(experiment_task_id, clean)
        warn(LogEvent.WORKFLOW_LOST, experiment_task_id=experiment_task_id, reason=reason)
        return StepResult.of(run)
