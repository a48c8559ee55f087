"""Find one task, or a page of tasks, of an owner."""

from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.paging import Page, PageRequest
from tandem.domain.ports import Database, TaskFilter, TaskKey
from tandem.domain.task import TaskNotFound


class FindTask:
    """One task, by its id or by its experiment task's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, owner: Owner, key: TaskKey) -> ExperimentRun:
        """The run with its task. Raises TaskNotFound."""
        run = self._database.read(lambda uow: uow.runs.find(owner, key))
        if run is None:
            raise TaskNotFound(key.named)
        return run


class QueryTasks:
    """A page of an owner's tasks, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, owner: Owner, wanted: TaskFilter, page: PageRequest) -> Page[ExperimentRun]:
        return self._database.read(lambda uow: uow.runs.page(owner, wanted, page))
