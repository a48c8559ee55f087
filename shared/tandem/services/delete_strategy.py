"""Delete a load-test strategy: its experiment is free for another one."""

from tandem.domain.clock import Clock
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, UnitOfWork
from tandem.domain.strategy import StrategyNotFound


class DeleteStrategy:
    """Soft: the row stays. A run under way keeps the strategy that it started with."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def __call__(self, owner: Owner, strategy_id: str) -> None:
        """Raises StrategyNotFound, also when it was deleted before."""
        now = self._clock.now()

        def work(uow: UnitOfWork) -> None:
            if uow.strategies.lock(owner, strategy_id) is None:
                raise StrategyNotFound(strategy_id)
            uow.strategies.delete(strategy_id, now)

        self._database.write(work)
