"""Stop the fault that we inject, when the workflow is not there to do it."""

from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.injection import Injections
from tandem.domain.limits import Limits
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log


class StopInjection:
    """Carries out a stop of our FIS experiment. FIS's own word that it is over confirms it (``FollowInjection``)."""

    def __init__(self, change: ChangeRun, injections: Injections, clock: Clock, limits: Limits) -> None:
        self._change = change
        self._injections = injections
        self._clock = clock
        self._limits = limits

    def __call__(self, experiment_task_id: str) -> None:
        """Stop it if it is to be stopped. Raises InjectionsUnavailable, RunNotFound; then it is to be called again."""
        run = self._change.read(experiment_task_id)
        if not run.injection_stop_pending:
            return
        injection_id = run.injection_id or self._look_for_injection(run)
        if injection_id is None:
            return
        self._injections.stop(injection_id)
        log(LogEvent.INJECTION_STOPPED, experiment_task_id=experiment_task_id, injection_id=injection_id)

    def _look_for_injection(self, run: ExperimentRun) -> str | None:
        """The workflow died before it could say what it started: the tag of the task leads to it."""
        task_id, now = run.started_task.task_id, self._clock.now()
        found = self._injections.find(run.template_id or "", task_id)
        if found is not None:
            self._change(run.experiment_task_id, lambda run: run.remember_injection(found.injection_id, now))
            return found.injection_id
        self._change(run.experiment_task_id, lambda run: run.miss_injection(self._limits, now))
        return None
