"""``ExperimentAbortRequested``: stop the experiment where it runs, at the ChaosBlade-Box."""

from tandem.domain.chaosblade_box import BoxRefused, BoxState, ChaosBladeBox
from tandem.domain.errors import AppError
from tandem.telemetry import LogEvent, log, warn


class BoxStopNotConfirmed(AppError):
    """The box was asked to stop an experiment and does not stop it: ask again."""

    code = "BOX_STOP_NOT_CONFIRMED"


class StopBoxExperiment:
    """Safe to repeat: what has ended, or is not the box's, is left alone."""

    def __init__(self, box: ChaosBladeBox) -> None:
        self._box = box

    def __call__(self, experiment_task_id: str) -> None:
        """Raises BoxUnavailable, BoxRefused and BoxStopNotConfirmed, when the event is to come again."""
        try:
            before = self._box.task(experiment_task_id)
        except BoxRefused as refusal:
            # Not one of the box's tasks, or none that we may see: repeating would not change that.
            warn(LogEvent.BOX_REFUSED, experiment_task_id=experiment_task_id, reason=refusal.message)
            return
        if before.has_ended:
            return
        if before.state is not BoxState.STOPPING:
            self._box.stop(experiment_task_id)
        after = self._box.task(experiment_task_id)
        if not after.has_ended and after.state is not BoxState.STOPPING:
            raise BoxStopNotConfirmed(f"the box still calls experiment task {experiment_task_id} {after.state}")
        log(LogEvent.BOX_STOPPED, experiment_task_id=experiment_task_id, state=after.state)
