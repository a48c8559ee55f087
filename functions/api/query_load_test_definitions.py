"""POST /QueryLoadTestDefinitions: a page of definitions, newest first."""

from tandem.bootstrap import application
from tandem.rest.app import Call, endpoint
from tandem.rest.definitions import DefinitionPage, DefinitionQuery


@endpoint(DefinitionQuery)
def handler(call: Call[DefinitionQuery]) -> DefinitionPage:
    query = call.parameters
    return DefinitionPage.of(application().query_definitions(call.owner, query.wanted, query.page))
