"""POST /QueryLoadTestStrategies: a page of strategies, newest first."""

from tandem.bootstrap import application
from tandem.rest.app import Call, endpoint
from tandem.rest.strategies import StrategyPage, StrategyQuery


@endpoint(StrategyQuery)
def handler(call: Call[StrategyQuery]) -> StrategyPage:
    query = call.parameters
    return StrategyPage.of(application().query_strategies(call.owner, query.wanted, query.page))
