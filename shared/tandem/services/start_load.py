"""Step 4: start the load on the engine, once, whatever happens on the way.

A start has no idempotency key (engine-api.md, trap 5). So the attempt is written down before the engine is asked, and
after anything but a plain answer the load is looked for by our task id among the engine's runs, never started again.
"""

from datetime import datetime, timedelta

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import AppError, EngineAnsweredWrongly, EngineAnswerLost, EngineRefused, EngineUnavailable
from tandem.domain.experiment_run import ExperimentRun, NextStep, StepResult
from tandem.domain.limits import Limits
from tandem.domain.listed_loads import loads_by_task, name_of
from tandem.domain.load_engine import EngineRun, EngineStatus, StartLoad
from tandem.domain.upload import StorageUnavailable, UploadMissing
from tandem.services.change_run import ChangeRun
from tandem.services.place_load import PlaceLoad
from tandem.services.send_plan import SendPlan
from tandem.telemetry import LogEvent, log, warn


class StartNotConfirmed(AppError):
    """The engine was asked and it is not known yet whether the load runs: look again."""

    code = "START_NOT_CONFIRMED"


class StartLoadOfTask:
    """Starts, or finds again what an earlier attempt started."""

    def __init__(
        self,
        change: ChangeRun,
        place: PlaceLoad,
        send_plan: SendPlan,
        engines: LoadEngines,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._change = change
        self._place = place
        self._send_plan = send_plan
        self._engines = engines
        self._clock = clock
        self._limits = limits

    def __call__(self, experiment_task_id: str) -> StepResult:
        """Where to go next. Raises EngineUnavailable, StorageUnavailable or StartNotConfirmed when it is to be called
        again; after the time limit the task is FAILED instead.
        """
        run = self._change(experiment_task_id, lambda run: run.try_start(self._clock.now()))
        if run.next_step() != NextStep.CONTINUE or run.started_task.execution_id is not None:
            return StepResult.of(run)
        try:
            run = self._find(run) if run.start_attempted_at is not None else self._start(run)
        except (EngineRefused, UploadMissing) as refusal:
            run = self._give_up(run, f"the engine did not start the load: {refusal.message}", certain=True)
        except (EngineUnavailable, StorageUnavailable) as trouble:
            run = self._later(run, trouble)
        return StepResult.of(run)

    def _start(self, run: ExperimentRun) -> ExperimentRun:
        """Start the load where there is room. An engine that certainly did not take it makes room for the next one."""
        tried: dict[str, EngineUnavailable] = {}
        while True:
            placed = self._place(run.experiment_task_id, tried)
            if placed is None:
                raise next(reversed(tried.values()), EngineUnavailable("no engine has room for this load now"))
            if placed.next_step() != NextStep.CONTINUE or placed.started_task.execution_id is not None:
                return placed
            try:
                return self._start_on_engine(placed)
            except EngineUnavailable as trouble:
                warn(LogEvent.ENGINE_TROUBLE, engine=placed.engine_name, reason=trouble.message)
                tried[placed.engine_name] = trouble

    def _start_on_engine(self, run: ExperimentRun) -> ExperimentRun:
        engine = self._engines.of(run.engine_name)
        plan = run.required_plan
        duration = plan.strategy.traffic_duration_sec
        try:
            plan_path = self._send_plan(engine, plan.definition, duration)
        except (EngineAnswerLost, EngineAnsweredWrongly) as trouble:
            # An upload may be repeated freely: nothing was started.
            raise EngineUnavailable(trouble.message) from trouble
        self._change(run.experiment_task_id, lambda changing: self._mark_attempt(changing, run.engine))
        definition = plan.definition
        request = StartLoad(
            test_name=name_of(run.started_task.task_id),
            plan_path=plan_path,
            description=f"experiment task {run.experiment_task_id}",
            threads=definition.threads,
            loops=definition.engine_loops,
            ramp_up=definition.ramp_up,
            duration=duration,
            timeout=max(10, duration + self._limits.grace),
            heap_size=definition.heap_size,
            properties=definition.plan_properties,
        )
        try:
            engine_run = engine.start(request)
        except (EngineRefused, EngineUnavailable):
            self._change(run.experiment_task_id, lambda run: run.withdraw_start(self._clock.now()))
            raise
        except (EngineAnswerLost, EngineAnsweredWrongly) as trouble:
            warn(LogEvent.ENGINE_TROUBLE, task_id=run.started_task.task_id, reason=trouble.message)
            raise StartNotConfirmed(trouble.message) from trouble
        return self._accept(run, engine_run, LogEvent.LOAD_STARTED)

    def _mark_attempt(self, run: ExperimentRun, engine: str | None) -> None:
        if run.next_step() == NextStep.CONTINUE and run.start_attempted_at is None and run.engine == engine:
            run.attempt_start(self._clock.now())
        else:
            # Somebody else is starting, or there is nothing to start any more.
            raise StartNotConfirmed("another attempt is under way, or the experiment ended meanwhile")

    def _find(self, run: ExperimentRun) -> ExperimentRun:
        """Look for the load of an attempt whose answer was lost."""
        try:
            found = loads_by_task(self._engines.of(run.engine_name).list_runs()).get(run.started_task.task_id)
        except (EngineAnswerLost, EngineAnsweredWrongly, EngineRefused) as trouble:
            raise EngineUnavailable(trouble.message) from trouble
        if found is None:
            if self._out_of_time(run):
                return self._give_up(run, "the engine never confirmed the start", certain=False)
            raise StartNotConfirmed("the engine does not list the load yet")
        if found.status is EngineStatus.FAILED:
            # A refused start can leave a record that never ran (trap 12); either way nothing runs.
            words = found.error_message or "it lists the run as FAILED"
            return self._give_up(run, f"the engine did not start the load: {words}", certain=True)
        return self._accept(run, found, LogEvent.LOAD_ADOPTED)

    def _accept(self, run: ExperimentRun, engine_run: EngineRun, event: LogEvent) -> ExperimentRun:
        now = self._clock.now()
        accepted = self._change(
            run.experiment_task_id, lambda run: run.accept_load(engine_run, self._limits.grace, now)
        )
        log(event, task_id=accepted.started_task.task_id, execution_id=engine_run.execution_id)
        return accepted

    def _later(self, run: ExperimentRun, trouble: EngineUnavailable | StorageUnavailable) -> ExperimentRun:
        if not self._out_of_time(run):
            raise trouble
        return self._give_up(run, f"the load could not be started: {trouble.message}", certain=False)

    def _give_up(self, run: ExperimentRun, reason: str, *, certain: bool) -> ExperimentRun:
        now = self._clock.now()

        def fail(run: ExperimentRun) -> None:
            if certain and run.started_task.execution_id is None:
                run.withdraw_start(now)
            run.fail_load(StopReason.LOAD_LOST, reason, now)

        warn(LogEvent.LOAD_NOT_STARTED, task_id=run.started_task.task_id, reason=reason)
        return self._change(run.experiment_task_id, fail)

    def _out_of_time(self, run: ExperimentRun) -> bool:
        first: datetime | None = run.start_first_tried_at
        return first is not None and self._clock.now() - first >= timedelta(seconds=self._limits.start)
