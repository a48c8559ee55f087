"""Steps 1 and 2: find the experiment's strategy, and give the experiment task its one load-test task."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from tandem.domain.announcement import NoLoadCode
from tandem.domain.clock import Clock, Ids
from tandem.domain.experiment_run import ExperimentRun, RunPlan
from tandem.domain.gate import seconds_to_pass
from tandem.domain.limits import Limits
from tandem.domain.ports import Database, UnitOfWork
from tandem.domain.starting_experiment import StartingExperiment
from tandem.domain.strategy import LoadTestStrategy
from tandem.domain.workflow_step import NextStep, StepResult
from tandem.services.note_announcement import NoteAnnouncement
from tandem.telemetry import LogEvent, log, warn


class FindStrategy:
    """Step 1: does a load go with this experiment at all?"""

    def __init__(self, database: Database, note: NoteAnnouncement) -> None:
        self._database = database
        self._note = note

    def __call__(self, experiment: StartingExperiment) -> StepResult:
        """CONTINUE when there is an enabled strategy; else DONE, and it is kept that there was none."""
        strategy = self._database.read(
            lambda uow: uow.strategies.live_for_experiment(experiment.owner, experiment.experiment_id)
        )
        if strategy is not None and strategy.enable:
            return StepResult(NextStep.CONTINUE)
        self._note(experiment, NoLoadCode.NO_ENABLED_STRATEGY)
        return StepResult(NextStep.DONE)


class CreateTask:
    """Step 2. Repeated events find the same task; an experiment that ended already gets none."""

    def __init__(
        self,
        database: Database,
        deliver: Callable[[], object],
        note: NoteAnnouncement,
        clock: Clock,
        ids: Ids,
        limits: Limits,
    ) -> None:
        self._database = database
        self._deliver = deliver
        self._note = note
        self._clock = clock
        self._ids = ids
        self._limits = limits

    def __call__(self, experiment: StartingExperiment, workflow_arn: str | None) -> StepResult:
        """What to do next for the run. DONE when there is nothing to run, or when the task is somebody else's."""
        run = self._database.write(lambda uow: self._create(uow, experiment, workflow_arn))
        if isinstance(run, NoLoadCode):
            most = self._limits.runs_per_user
            why = f"user {experiment.owner.user_id!r} has {most} runs that have not ended, and may have no more"
            self._note(experiment, run, why if run is NoLoadCode.TOO_MANY_RUNS else "")
            return StepResult(NextStep.DONE)
        if run is None:
            log(LogEvent.EXPERIMENT_ANSWERED, experiment_task_id=experiment.experiment_task_id)
            return StepResult(NextStep.DONE)
        self._deliver()
        log(LogEvent.TASK_CREATED, experiment_task_id=run.experiment_task_id, task_id=run.started_task.task_id)
        return StepResult.of(run)

    def _create(
        self, uow: UnitOfWork, experiment: StartingExperiment, workflow_arn: str | None
    ) -> ExperimentRun | NoLoadCode | None:
        """The run with its task, or why there is none; None when another word went out for this experiment."""
        now = self._clock.now()
        remembered_since = now - timedelta(seconds=self._limits.finish_remembered)
        run = uow.runs.lock(experiment.experiment_task_id)
        if run is not None and run.task is not None:
            return self._repeated(run, experiment, workflow_arn)
        announced = uow.announcements.find(experiment.owner, experiment.experiment_task_id, remembered_since)
        if announced is not None and announced.answered_at is not None:
            return None
        if run is not None and run.finished_at is not None and run.finished_at >= remembered_since:
            if run.owner in {None, experiment.owner}:
                return NoLoadCode.EXPERIMENT_ENDED
            # Somebody ended this id in another user's name: that must not keep this one's load from starting.
            words = "an end that another user announced before is ignored"
            warn(LogEvent.EXPERIMENT_REFUSED, experiment_task_id=experiment.experiment_task_id, reason=words)
        strategy = uow.strategies.live_for_experiment(experiment.owner, experiment.experiment_id)
        if strategy is None or not strategy.enable:
            return NoLoadCode.NO_ENABLED_STRATEGY
        definition = uow.definitions.get(experiment.owner, strategy.definition_id)
        if definition is None:
            # Cannot happen while a definition in use cannot be deleted; then the platform must not wait in vain.
            raise LookupError(
                f"strategy {strategy.strategy_id} names definition {strategy.definition_id}, which is gone"
            )
        most = self._limits.runs_per_user
        # Two at the same moment may both be let through: it keeps one user from taking all engines, to within a few.
        if most is not None and uow.runs.count_unsettled_of(experiment.owner.user_id) >= most:
            return NoLoadCode.TOO_MANY_RUNS
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
            RunPlan(strategy, replace(definition, preflight=None)),
            self._start_due(fresh, strategy, now),
            now,
        )
        if run is None:
            uow.runs.add(fresh)
        else:
            uow.runs.save([fresh])
        return fresh

    def _repeated(
        self, run: ExperimentRun, experiment: StartingExperiment, workflow_arn: str | None
    ) -> ExperimentRun | NoLoadCode | None:
        """The run of a step that is repeated. Another owner's is not theirs; one workflow leads a run."""
        if run.owner != experiment.owner:
            return NoLoadCode.EXPERIMENT_TASK_ID_TAKEN
        led_by = run.workflow_arn
        return run if led_by is None or workflow_arn is None or led_by == workflow_arn else None

    def _start_due(self, run: ExperimentRun, strategy: LoadTestStrategy, now: datetime) -> datetime:
        """When to start the load: before a fixed fault by the engine's own start, and by the lead or, if that takes
        longer, the time in which a load can pass the gate; but not in the past.
        """
        if run.fault_at is None:
            return now
        lead = max(strategy.start_before_fault_sec, seconds_to_pass(strategy.gate.bounds))
        return max(now, run.fault_at - timedelta(seconds=lead + self._limits.engine_start))
