"""POST /RunExperiment: start an AWS FIS experiment together with its load; answers the new experiment task's id."""

from tandem.bootstrap import application
from tandem.domain.errors import WorkflowUnavailable
from tandem.domain.strategy import StrategyDisabled, StrategyNotFound
from tandem.rest.app import Call, endpoint
from tandem.rest.experiments import ExperimentTaskView, NewRun


@endpoint(NewRun, errors=[StrategyNotFound, StrategyDisabled, WorkflowUnavailable])
def handler(call: Call[NewRun]) -> ExperimentTaskView:
    wanted = call.parameters
    task_id = application().run_experiment(call.owner, wanted.experiment_id, wanted.client_token)
    return ExperimentTaskView.of(task_id)
