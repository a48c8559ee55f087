"""Find one load-test strategy, or a page of them, of an owner."""

from tandem.domain.identity import Owner
from tandem.domain.paging import Page, PageRequest
from tandem.domain.ports import Database, StrategyFilter
from tandem.domain.strategy import LoadTestStrategy, StrategyNotFound


class GetStrategy:
    """One strategy by its id, or an experiment's one strategy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, owner: Owner, strategy_id: str) -> LoadTestStrategy:
        """Raises StrategyNotFound."""
        return _present(self._database.read(lambda uow: uow.strategies.get(owner, strategy_id)), strategy_id)

    def of_experiment(self, owner: Owner, experiment_id: str) -> LoadTestStrategy:
        """Raises StrategyNotFound."""
        found = self._database.read(lambda uow: uow.strategies.live_for_experiment(owner, experiment_id))
        return _present(found, experiment_id)


class QueryStrategies:
    """A page of an owner's strategies, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, owner: Owner, wanted: StrategyFilter, page: PageRequest) -> Page[LoadTestStrategy]:
        return self._database.read(lambda uow: uow.strategies.page(owner, wanted, page))


def _present(found: LoadTestStrategy | None, named: str) -> LoadTestStrategy:
    if found is None:
        raise StrategyNotFound(named)
    return found
