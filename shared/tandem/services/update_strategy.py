"""Change a load-test strategy: the fields that are given, and every rule holds for the whole that results."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tandem.domain.clock import Clock
from tandem.domain.definition import DefinitionNotFound
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, UnitOfWork
from tandem.domain.strategy import LoadTestStrategy, StrategyExists, StrategyNotFound
from tandem.services.check_strategy import check_strategy


class UpdateStrategy:
    """A run under way keeps the strategy that it started with."""

    def __init__(self, database: Database, clock: Clock, max_duration_sec: int | None) -> None:
        self._database = database
        self._clock = clock
        self._max_duration_sec = max_duration_sec

    def __call__(self, owner: Owner, strategy_id: str, changes: Mapping[str, Any]) -> LoadTestStrategy:
        """The strategy as it is now.

        Raises StrategyNotFound, DefinitionNotFound, StrategyExists, InvalidValue.
        """
        now = self._clock.now()

        def work(uow: UnitOfWork) -> LoadTestStrategy:
            current = uow.strategies.lock(owner, strategy_id)
            if current is None:
                raise StrategyNotFound(strategy_id)
            wanted = replace(current, **changes, updated_at=now)
            # Locked as when a strategy is created: nobody deletes the definition before we have committed.
            definition = uow.definitions.lock(owner, wanted.definition_id)
            if definition is None:
                raise DefinitionNotFound(wanted.definition_id)
            check_strategy(wanted, definition, self._max_duration_sec)
            other = uow.strategies.live_for_experiment(owner, wanted.experiment_id)
            if other is not None and other.strategy_id != strategy_id:
                raise StrategyExists(wanted.experiment_id, other.strategy_id)
            uow.strategies.save(wanted)
            return wanted

        return self._database.write(work)
