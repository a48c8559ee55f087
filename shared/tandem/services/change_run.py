"""The one way in which services change an experiment's run: lock, change, save, commit, and then let messages go."""

from collections.abc import Callable

from tandem.domain.errors import NotFound
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.ports import Database, UnitOfWork
from tandem.services.deliver_messages import DeliverMessages


class RunNotFound(NotFound):
    """No experiment task of that id is known."""

    code = "EXPERIMENT_TASK_NOT_FOUND"


class ChangeRun:
    """Applies a change of the domain to a run, in a transaction of its own."""

    def __init__(self, database: Database, deliver: DeliverMessages) -> None:
        self._database = database
        self._deliver = deliver

    def read(self, experiment_task_id: str) -> ExperimentRun:
        """The run as it is now. Raises RunNotFound."""
        return _present(self._database.read(lambda uow: uow.runs.get(experiment_task_id)), experiment_task_id)

    def __call__(self, experiment_task_id: str, change: Callable[[ExperimentRun], None]) -> ExperimentRun:
        """Change the run. ``change`` may be called again after a lost race. Raises RunNotFound."""

        def work(uow: UnitOfWork) -> ExperimentRun:
            run = _present(uow.runs.lock(experiment_task_id), experiment_task_id)
            change(run)
            uow.runs.save([run])
            return run

        changed = self._database.write(work)
        self._deliver()
        return changed


def _present(run: ExperimentRun | None, experiment_task_id: str) -> ExperimentRun:
    if run is None:
        raise RunNotFound(f"experiment task {experiment_task_id} is not known")
    return run
