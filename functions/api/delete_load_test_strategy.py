"""POST /DeleteLoadTestStrategy: delete a strategy; its experiment may have another."""

from tandem.bootstrap import application
from tandem.domain.strategy import StrategyNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.strategies import StrategyById


@endpoint(StrategyById, errors=[StrategyNotFound])
def handler(call: Call[StrategyById]) -> bool:
    application().delete_strategy(call.owner, call.parameters.id)
    return True
