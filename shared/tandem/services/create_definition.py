"""Create a load-test definition."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tandem.domain.clock import Clock, Ids
from tandem.domain.definition import DefinitionNameTaken, LoadTestDefinition
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, UnitOfWork
from tandem.services.check_definition import CheckDefinition
from tandem.services.hold_uploads import hold_uploads


class CreateDefinition:
    def __init__(self, database: Database, check: CheckDefinition, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._check = check
        self._clock = clock
        self._ids = ids

    def __call__(self, owner: Owner, content: Mapping[str, Any]) -> LoadTestDefinition:
        """Store a definition with what the preflight says, and return it.

        Raises DefinitionNameTaken and what the check raises.
        """
        now = self._clock.now()
        definition = LoadTestDefinition(
            definition_id=self._ids.new("ldef_"),
            owner=owner,
            created_by=owner.user_id,
            created_at=now,
            updated_at=now,
            **content,
        )
        definition = replace(definition, preflight=self._check(definition))

        def work(uow: UnitOfWork) -> None:
            # A commit whose answer was lost is found here by its id, not mistaken for somebody else's name.
            namesake = uow.definitions.named(owner, definition.name)
            if namesake is None:
                hold_uploads(uow, definition)
                uow.definitions.add(definition)
            elif namesake.definition_id != definition.definition_id:
                raise DefinitionNameTaken(definition.name)

        self._database.write(work)
        return definition
