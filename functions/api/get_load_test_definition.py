"""GET or POST /GetLoadTestDefinition: one definition by its id."""

from tandem.bootstrap import application
from tandem.domain.definition import DefinitionNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.definitions import DefinitionById, DefinitionDetails


@endpoint(DefinitionById, errors=[DefinitionNotFound])
def handler(call: Call[DefinitionById]) -> DefinitionDetails:
    return DefinitionDetails.of(application().find_definition(call.owner, call.parameters.id))
