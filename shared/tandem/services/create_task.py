"""Steps 1 and 2: find the experiment's strategy, and give the experiment task its one load-test task."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tandem.domain.clock import Clock, Ids
from tandem.domain.experiment_run import ExperimentRun, NotThisRunsOwner, RunPlan
from tandem.domain.gate import seconds_to_pass
from tandem.domain.limits import Limits
from tandem.domain.ports import Database, UnitOfWork
from tandem.domain.starting_experiment import StartingExperiment
from tandem.domain.strategy import LoadTestStrategy
from tandem.domain.workflow_step import NextStep, StepResult
from tandem.telemetry import LogEvent, log, warn


class FindStrategy:
    """Step 1: does a load go with this experiment at all?"""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, experiment: StartingExperiment) -> StepResult:
        """CONTINUE when there is an enabled strategy, else DONE; nothing is created."""
        strategy = self._database.read(
            lambda uow: uow.strategies.live_for_experiment(experiment.owner, experiment.experiment_id)
        )
        wanted = strategy is not None and strategy.enable
        return StepResult(NextStep.CONTINUE if wanted else NextStep.DONE)


class CreateTask:
    """Step 2. Repeated events find the same task; an experiment that ended already gets none."""

    def __init__(
        self, database: Database, deliver: Callable[[], object], clock: Clock, ids: Ids, limits: Limits
    ) -> None:
        self._database = database
        self._deliver = deliver
        self._clock = clock
        self._ids = ids
        self._limits = limits

    def __call__(self, experiment: StartingExperiment, workflow_arn: str | None) -> StepResult:
        """What to do next for the run. DONE when there is nothing to run, or when the task is somebody else's."""
        try:
            run = self._database.write(lambda uow: self._create(uow, experiment, workflow_arn))
        except NotThisRunsOwner as refusal:
            warn(LogEvent.EXPERIMENT_REFUSED, experiment_task_id=experiment.experiment_task_id, reason=refusal.message)
            return StepResult(NextStep.DONE)
        if run is None:
            return StepResult(NextStep.DONE)
        self._deliver()
        if run.task is not None:
            log(LogEvent.TASK_CREATED, experiment_task_id=run.experiment_task_id, task_id=run.task.task_id)
        return StepResult.of(run)

    def _create(
        self, uow: UnitOfWork, experiment: StartingExperiment, workflow_arn: str | None
    ) -> ExperimentRun | None:
        now = self._clock.now()
        run = uow.runs.lock(experiment.experiment_task_id)
        if run is not None:
            run.belongs_to(experiment.owner)
            remembered_for = timedelta(seconds=self._limits.finish_remembered)
            finish_forgotten = run.finished_at is None or now - run.finished_at > remembered_for
            if run.task is not None or not finish_forgotten:
                return run
        strategy = uow.strategies.live_for_experiment(experiment.owner, experiment.experiment_id)
        if strategy is None or not strategy.enable:
            return None
        definition = uow.definitions.get(experiment.owner, strategy.definition_id)
        if definition is None:
            # Cannot happen while a definition in use cannot be deleted; then the platform must not wait in vain.
            raise LookupError(
                f"strategy {strategy.strategy_id} names definition {strategy.definition_id}, which is gone"
            )
        fresh = ExperimentRun(
            experiment_task_id=experiment.experiment_task_id,
            created_at=now,
            owner=experiment.owner,
            experiment_id=experiment.experiment_id,
            workflow_arn=workflow_arn,
            fault_at=experiment.fault_at,
        )
        fresh.create_task(
            self._ids.new("ldtask_"),
            RunPlan(strategy, definition),
            self._start_due(fresh, strategy, now),
            now,
        )
        if run is None:
            uow.runs.add(fresh)
        else:
            uow.runs.save([fresh])
        return fresh

    def _start_due(self, run: ExperimentRun, strategy: LoadTestStrategy, now: datetime) -> datetime:
        """When to start the load: before a fixed fault by the engine's own start, and by the lead or, if that takes
        longer, the time in which a load can pass the gate; but not in the past.
        """
        if run.fault_at is None:
            return now
        lead = max(strategy.start_before_fault_sec, seconds_to_pass(strategy.gate.bounds))
        return max(now, run.fault_at - timedelta(seconds=lead + self._limits.engine_start))
