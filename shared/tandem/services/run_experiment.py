"""Start an experiment whose fault we inject ourselves: a FIS template, with the load that its strategy says."""

import hashlib
import re

from tandem.domain.clock import Ids
from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.identity import Owner
from tandem.domain.injection import template_of
from tandem.domain.ports import Database
from tandem.domain.starting_experiment import StartingExperiment
from tandem.domain.strategy import StrategyDisabled, StrategyNotFound
from tandem.services.start_experiment import StartExperiment
from tandem.telemetry import LogEvent, log

_TEMPLATE_ID = re.compile(r"[A-Za-z0-9]{1,60}")
_TASK_PREFIX = "fisrun_"


class RunExperiment:
    """Sets the workflow going, as ``ExperimentStarting`` does for other platforms.

    Without a live, enabled strategy of the caller's own it starts nothing: a fault that meets no load proves nothing.
    """

    def __init__(self, database: Database, start: StartExperiment, ids: Ids) -> None:
        self._database = database
        self._start = start
        self._ids = ids

    def __call__(self, owner: Owner, experiment_id: str, client_token: str | None = None) -> str:
        """The id of the new experiment task; the same client token gives the same one, and starts nothing twice.

        Raises InvalidValue when the id names no FIS template, StrategyNotFound, StrategyDisabled, WorkflowUnavailable.
        """
        template_id = template_of(experiment_id)
        if template_id is None or not _TEMPLATE_ID.fullmatch(template_id):
            fault = FieldFault(
                "experimentId",
                "must be fis: and the id of an AWS FIS experiment template, such as fis:EXT1a2b3c; "
                "an experiment of another platform is started there",
            )
            raise InvalidValue("One or more parameters are wrong.", [fault])
        strategy = self._database.read(lambda uow: uow.strategies.live_for_experiment(owner, experiment_id))
        if strategy is None:
            raise StrategyNotFound(experiment_id)
        if not strategy.enable:
            raise StrategyDisabled(
                f"The strategy {strategy.strategy_id} of {experiment_id!r} is disabled: no load would run."
            )
        task_id = self._task_id(owner, experiment_id, client_token)
        self._start(StartingExperiment(experiment_id, task_id, owner))
        log(LogEvent.EXPERIMENT_RUN, experiment_id=experiment_id, experiment_task_id=task_id)
        return task_id

    def _task_id(self, owner: Owner, experiment_id: str, client_token: str | None) -> str:
        if client_token is None:
            return self._ids.new(_TASK_PREFIX)
        # The lengths keep ("a", "bc") and ("ab", "c") apart.
        parts = (owner.user_id, owner.namespace, experiment_id, client_token)
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return _TASK_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:32]
