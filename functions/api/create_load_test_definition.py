"""POST /CreateLoadTestDefinition: say what to run against which system; answers the new id and the findings."""

from tandem.bootstrap import application
from tandem.domain.definition import DefinitionNameTaken
from tandem.domain.upload import UploadMissing
from tandem.rest.app import Call, endpoint
from tandem.rest.definitions import CreatedDefinition, NewDefinition


@endpoint(NewDefinition, errors=[DefinitionNameTaken, UploadMissing])
def handler(call: Call[NewDefinition]) -> CreatedDefinition:
    return CreatedDefinition.of(application().create_definition(call.owner, call.parameters.content))
