"""POST /CreateLoadTestDefinition: say what to run against which system; answers the new id."""

from tandem.bootstrap import application
from tandem.domain.definition import DefinitionNameTaken
from tandem.domain.upload import UploadMissing
from tandem.rest.app import Call, endpoint
from tandem.rest.definitions import NewDefinition


@endpoint(NewDefinition, errors=[DefinitionNameTaken, UploadMissing])
def handler(call: Call[NewDefinition]) -> str:
    return application().create_definition(call.owner, call.parameters.content)
