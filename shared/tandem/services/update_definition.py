"""Change a load-test definition: the fields that are given, and every rule holds for the whole that results."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tandem.domain.clock import Clock
from tandem.domain.definition import DefinitionChanged, DefinitionNameTaken, DefinitionNotFound, LoadTestDefinition
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, UnitOfWork
from tandem.services.check_definition import CheckDefinition
from tandem.services.hold_uploads import hold_uploads

ATTEMPTS = 3


class UpdateDefinition:
    def __init__(self, database: Database, check: CheckDefinition, clock: Clock) -> None:
        self._database = database
        self._check = check
        self._clock = clock

    def __call__(self, owner: Owner, definition_id: str, changes: Mapping[str, Any]) -> LoadTestDefinition:
        """The definition as it is now. Raises DefinitionNotFound, DefinitionNameTaken and what the check raises.

        The check reads files and so stands outside the transaction; when somebody else changed the definition
        meanwhile, all of it is done again. Raises DefinitionChanged when that does not end.
        """
        for _ in range(ATTEMPTS):
            current = self._database.read(lambda uow: uow.definitions.get(owner, definition_id))
            if current is None:
                raise DefinitionNotFound(definition_id)
            wanted = replace(current, **changes, updated_at=self._clock.now())
            wanted = replace(wanted, preflight=self._check(wanted))
            if self._saved(current, wanted):
                return wanted
        raise DefinitionChanged(definition_id)

    def _saved(self, current: LoadTestDefinition, wanted: LoadTestDefinition) -> bool:
        """Write it, unless the row is not any more what was checked."""

        def work(uow: UnitOfWork) -> bool:
            if uow.definitions.lock(current.owner, current.definition_id) != current:
                return False
            namesake = uow.definitions.named(current.owner, wanted.name)
            if namesake is not None and namesake.definition_id != wanted.definition_id:
                raise DefinitionNameTaken(wanted.name)
            hold_uploads(uow, wanted)
            uow.definitions.save(wanted)
            return True

        return self._database.write(work)
