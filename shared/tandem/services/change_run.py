"""The one way in which services change an experiment's run: lock, change, save, commit, and then let messages go."""

from collections.abc import Callable
from typing import TypeVar

from tandem.domain.errors import NotFound
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.ports import Database, UnitOfWork
from tandem.services.deliver_messages import DeliverMessages

T = TypeVar("T")


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
        return self.inside(experiment_task_id, lambda _, run: change(run))[0]

    def inside(
        self, experiment_task_id: str, change: Callable[[UnitOfWork, ExperimentRun], T]
    ) -> tuple[ExperimentRun, T]:
        """The same for a change that must see other rows in the same transaction; gives its answer too."""

        def work(uow: UnitOfWork) -> tuple[ExperimentRun, T]:
            run = _present(uow.runs.lock(experiment_task_id), experiment_task_id)
            answer = change(uow, run)
            uow.runs.save([run])
            return run, answer

        changed = self._database.write(work)
        self._deliver()
        return changed


def _present(run: ExperimentRun | None, experiment_task_id: str) -> ExperimentRun:
    if run is None:
        raise RunNotFound(f"experiment task {experiment_task_id} is not known")
    return run
