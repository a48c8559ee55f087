"""POST /CreateLoadTestStrategy: say how a load goes with an experiment; answers the new id."""

from tandem.bootstrap import application
from tandem.domain.definition import DefinitionNotFound
from tandem.domain.strategy import StrategyExists
from tandem.rest.app import Call, endpoint
from tandem.rest.strategies import NewStrategy


@endpoint(NewStrategy, errors=[DefinitionNotFound, StrategyExists])
def handler(call: Call[NewStrategy]) -> str:
    return application().create_strategy(call.owner, call.parameters.content)
