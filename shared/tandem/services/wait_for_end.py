"""Step 8: leave word of where the workflow waits; whatever ends the wait answers it."""

from tandem.services.change_run import ChangeRun


class WaitForEnd:
    """Keeps the task token of a waiting workflow. When there is nothing to wait for it is answered at once."""

    def __init__(self, change: ChangeRun) -> None:
        self._change = change

    def __call__(self, experiment_task_id: str, task_token: str) -> None:
        self._change(experiment_task_id, lambda run: run.wait_with(task_token))
