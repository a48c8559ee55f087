"""GET or POST /GetLoadTestStrategy: one strategy by its id."""

from tandem.bootstrap import application
from tandem.domain.strategy import StrategyNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.strategies import StrategyById, StrategyView


@endpoint(StrategyById, errors=[StrategyNotFound])
def handler(call: Call[StrategyById]) -> StrategyView:
    return StrategyView.of(application().get_strategy(call.owner, call.parameters.id))
