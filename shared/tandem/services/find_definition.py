"""Find one load-test definition, or a page of them, of an owner."""

from tandem.domain.definition import DefinitionNotFound, LoadTestDefinition
from tandem.domain.identity import Owner
from tandem.domain.paging import Page, PageRequest
from tandem.domain.ports import Database, DefinitionFilter


class FindDefinition:
    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, owner: Owner, definition_id: str) -> LoadTestDefinition:
        """Raises DefinitionNotFound."""
        found = self._database.read(lambda uow: uow.definitions.get(owner, definition_id))
        if found is None:
            raise DefinitionNotFound(definition_id)
        return found


class QueryDefinitions:
    """A page of an owner's definitions, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, owner: Owner, wanted: DefinitionFilter, page: PageRequest) -> Page[LoadTestDefinition]:
        return self._database.read(lambda uow: uow.definitions.page(owner, wanted, page))
