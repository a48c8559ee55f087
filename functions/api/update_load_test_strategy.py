"""POST /UpdateLoadTestStrategy: change the fields that are sent; answers the strategy."""

from tandem.bootstrap import application
from tandem.domain.definition import DefinitionNotFound
from tandem.domain.strategy import StrategyExists, StrategyNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.strategies import StrategyChange, StrategyView


@endpoint(StrategyChange, errors=[StrategyNotFound, DefinitionNotFound, StrategyExists])
def handler(call: Call[StrategyChange]) -> StrategyView:
    changes = call.parameters
    return StrategyView.of(application().update_strategy(call.owner, changes.id, changes.changes))
