"""Step 8: leave word of where the workflow waits; whatever ends the wait answers it."""

from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log


class WaitForEnd:
    """Keeps the task token of a waiting workflow. When there is nothing to wait for it is answered at once."""

    def __init__(self, change: ChangeRun, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    def __call__(self, experiment_task_id: str, task_token: str, injection_id: str | None = None) -> None:
        """``injection_id``: the FIS experiment that the workflow started for this run. If we die before it is kept,
        its client token and its tag lead to it all the same.
        """
        now = self._clock.now()

        def wait(run: ExperimentRun) -> None:
            if injection_id is not None:
                run.remember_injection(injection_id, now)
            run.wait_with(task_token)

        self._change(experiment_task_id, wait)
        if injection_id is not None:
            log(LogEvent.INJECTION_STARTED, experiment_task_id=experiment_task_id, injection_id=injection_id)
