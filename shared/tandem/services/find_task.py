"""Find one task, or a page of tasks, of an owner."""

from datetime import timedelta

from tandem.domain.announcement import Announcement
from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.limits import Limits
from tandem.domain.paging import Page, PageRequest
from tandem.domain.ports import Database, TaskFilter, TaskKey
from tandem.domain.task import TaskNotFound


class FindTask:
    """One task, by its id or by its experiment task's."""

    def __init__(self, database: Database, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._clock = clock
        self._announced_for = timedelta(seconds=limits.finish_remembered)

    def __call__(self, owner: Owner, key: TaskKey) -> ExperimentRun:
        """The run with its task. Raises TaskNotFound, with what is known of an experiment that got no load."""
        run = self._database.read(lambda uow: uow.runs.find(owner, key))
        if run is None:
            announced = self.announced(owner, key)
            raise TaskNotFound(key.named, None if announced is None else announced.sentence)
        return run

    def announced(self, owner: Owner, key: TaskKey) -> Announcement | None:
        """Why an announced experiment has no load; None when none of that id was announced to this owner of late."""
        since = self._clock.now() - self._announced_for
        named = key.named
        return None if named is None else self._database.read(lambda uow: uow.announcements.find(owner, named, since))


class QueryTasks:
    """A page of an owner's tasks, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, owner: Owner, wanted: TaskFilter, page: PageRequest) -> Page[ExperimentRun]:
        return self._database.read(lambda uow: uow.runs.page(owner, wanted, page))
