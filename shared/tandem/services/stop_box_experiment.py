"""``ExperimentAbortRequested``: stop the experiment where it runs, at the ChaosBlade-Box."""

from tandem.domain.chaosblade_box import BoxRefused, BoxState, BoxTask, ChaosBladeBox, may_be_of_box
from tandem.domain.errors import AppError
from tandem.telemetry import LogEvent, log, warn


class BoxStopNotConfirmed(AppError):
    """The box was asked to stop an experiment and does not stop it: ask again."""

    code = "BOX_STOP_NOT_CONFIRMED"


class StopBoxExperiment:
    """Safe to repeat: what has ended, or is not the box's, is left alone."""

    def __init__(self, box: ChaosBladeBox) -> None:
        self._box = box

    def __call__(self, experiment_task_id: str, experiment_id: str | None = None) -> None:
        """Raises BoxUnavailable, BoxRefused and BoxStopNotConfirmed, when the event is to come again.

        ``experiment_id`` tells another platform's task from one that our login may not see: a box answers both alike,
        but lists every task of its experiments.
        """
        if experiment_id is not None and not may_be_of_box(experiment_id):
            return
        before = self._task_of_box(experiment_task_id, experiment_id)
        if before is None or before.has_ended:
            return
        if before.state is not BoxState.STOPPING:
            self._stop(experiment_task_id)
        after = self._box.task(experiment_task_id)
        if not after.is_ending:
            raise BoxStopNotConfirmed(f"the box still calls experiment task {experiment_task_id} {after.state}")
        log(LogEvent.BOX_STOPPED, experiment_task_id=experiment_task_id, state=after.state)

    def _task_of_box(self, task_id: str, experiment_id: str | None) -> BoxTask | None:
        try:
            return self._box.task(task_id)
        except BoxRefused as refusal:
            warn(LogEvent.BOX_REFUSED, experiment_task_id=task_id, reason=refusal.message)
            if experiment_id is not None and any(
                each.task_id == task_id and not each.has_ended for each in self._box.latest_tasks(experiment_id)
            ):
                # The box runs it and does not let us: its fault goes on, so somebody has to be told.
                raise
            return None

    def _stop(self, task_id: str) -> None:
        try:
            self._box.stop(task_id)
        except BoxRefused:
            # It may have ended between the look and the stop, which a box refuses.
            if not self._box.task(task_id).has_ended:
                raise
