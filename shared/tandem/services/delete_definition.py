"""Delete a load-test definition that no live strategy uses."""

from tandem.domain.clock import Clock
from tandem.domain.definition import DefinitionInUse, DefinitionNotFound
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, UnitOfWork

NAMED_USERS = 20


class DeleteDefinition:
    """Soft: the row stays, and its name is free again. A run under way keeps what it started with."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def __call__(self, owner: Owner, definition_id: str) -> None:
        """Raises DefinitionNotFound (also when it was deleted before) and DefinitionInUse."""
        now = self._clock.now()

        def work(uow: UnitOfWork) -> None:
            # Whoever creates a strategy locks the definition too: none can slip in between the look and the deletion.
            if uow.definitions.lock(owner, definition_id) is None:
                raise DefinitionNotFound(definition_id)
            users = uow.strategies.using(definition_id, NAMED_USERS)
            if users.total:
                named = [(strategy.strategy_id, strategy.experiment_id) for strategy in users.items]
                raise DefinitionInUse(definition_id, named, users.total - len(named))
            uow.definitions.delete(definition_id, now)

        self._database.write(work)
