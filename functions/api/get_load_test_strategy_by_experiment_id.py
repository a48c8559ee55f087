"""GET or POST /GetLoadTestStrategyByExperimentId: the one strategy of an experiment."""

from tandem.bootstrap import application
from tandem.domain.strategy import StrategyNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.strategies import StrategyOfExperiment, StrategyView


@endpoint(StrategyOfExperiment, errors=[StrategyNotFound])
def handler(call: Call[StrategyOfExperiment]) -> StrategyView:
    return StrategyView.of(application().get_strategy.of_experiment(call.owner, call.parameters.experiment_id))
