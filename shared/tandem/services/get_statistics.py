"""How an owner's load tests went in a period."""

from tandem.domain.identity import Owner
from tandem.domain.ports import Database
from tandem.domain.task_statistics import Period, TaskStatistics, task_statistics


class GetStatistics:
    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, owner: Owner, period: Period) -> TaskStatistics:
        return task_statistics(self._database.read(lambda uow: uow.statistics.count(owner, period)))
