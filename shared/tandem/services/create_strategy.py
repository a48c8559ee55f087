"""Create a load-test strategy: the one of its experiment."""

from collections.abc import Mapping
from typing import Any

from tandem.domain.clock import Clock, Ids
from tandem.domain.definition import DefinitionNotFound
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, UnitOfWork
from tandem.domain.strategy import LoadTestStrategy, StrategyExists
from tandem.services.check_strategy import check_strategy


class CreateStrategy:
    """``max_duration_sec`` is the policy's limit on how long a load may last; None: as long as the API allows."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, max_duration_sec: int | None) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._max_duration_sec = max_duration_sec

    def __call__(self, owner: Owner, content: Mapping[str, Any]) -> str:
        """Store a strategy of these fields and return its id.

        Raises DefinitionNotFound, StrategyExists, InvalidValue.
        """
        now = self._clock.now()
        strategy = LoadTestStrategy(
            strategy_id=self._ids.new("lstrategy_"), owner=owner, created_at=now, updated_at=now, **content
        )

        def work(uow: UnitOfWork) -> None:
            # The lock keeps the definition from being deleted between this look and our commit.
            definition = uow.definitions.lock(owner, strategy.definition_id)
            if definition is None:
                raise DefinitionNotFound(strategy.definition_id)
            check_strategy(strategy, definition, self._max_duration_sec)
            present = uow.strategies.live_for_experiment(owner, strategy.experiment_id)
            if present is None:
                uow.strategies.add(strategy)
            elif present.strategy_id != strategy.strategy_id:
                raise StrategyExists(strategy.experiment_id, present.strategy_id)

        self._database.write(work)
        return strategy.strategy_id
