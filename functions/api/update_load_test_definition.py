"""POST /UpdateLoadTestDefinition: change the fields that are sent; answers the definition."""

from tandem.bootstrap import application
from tandem.domain.definition import DefinitionChanged, DefinitionNameTaken, DefinitionNotFound
from tandem.domain.upload import UploadMissing
from tandem.rest.app import Call, endpoint
from tandem.rest.definitions import DefinitionChange, DefinitionDetails


@endpoint(DefinitionChange, errors=[DefinitionNotFound, DefinitionNameTaken, DefinitionChanged, UploadMissing])
def handler(call: Call[DefinitionChange]) -> DefinitionDetails:
    changes = call.parameters
    return DefinitionDetails.of(application().update_definition(call.owner, changes.id, changes.changes))
