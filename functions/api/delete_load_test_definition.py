"""POST /DeleteLoadTestDefinition: delete a definition that no live strategy uses."""

from tandem.bootstrap import application
from tandem.domain.definition import DefinitionInUse, DefinitionNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.definitions import DefinitionById


@endpoint(DefinitionById, errors=[DefinitionNotFound, DefinitionInUse])
def handler(call: Call[DefinitionById]) -> bool:
    application().delete_definition(call.owner, call.parameters.id)
    return True
