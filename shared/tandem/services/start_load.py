"""Step 4: start the load on the engine, once, whatever happens on the way.

A start has no idempotency key (engine-api.md, trap 5). So the attempt is written down before the engine is asked, and
after anything but a plain answer the load is looked for by our task id among the engine's runs, never started again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from tandem.domain.clock import Clock
from tandem.domain.definition import SET_UP_LIMIT_SEC, TEAR_DOWN_LIMIT_SEC, LoadTestDefinition
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import (
    AppError,
    EngineAnsweredWrongly,
    EngineAnswerLost,
    EngineError,
    EngineRefused,
    EngineUnavailable,
    StorageUnavailable,
)
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.listed_loads import loads_by_task, name_of
from tandem.domain.load_engine import EngineRun, EngineStatus, StartLoad
from tandem.domain.load_part import LoadPart
from tandem.domain.plan_shape import PlanShape
from tandem.domain.upload import UploadMissing
from tandem.domain.workflow_step import NextStep, StepResult
from tandem.services.change_run import ChangeRun
from tandem.services.judge_run import JudgeRun, TestPlanRefused
from tandem.services.place_load import PlaceLoad
from tandem.services.send_plan import SendPlan, SentPlan
from tandem.telemetry import LogEvent, log, warn


class StartNotConfirmed(AppError):
    """The engine was asked and it is not known yet whether the load runs: look again."""

    code = "START_NOT_CONFIRMED"


class _Answer(NamedTuple):
    """What an engine said to a start, and when: a part's duration counts from then, however long others take."""

    said: EngineRun | EngineError
    at: datetime


class StartLoadOfTask:
    """Starts, or finds again what an earlier attempt started."""

    def __init__(
        self,
        change: ChangeRun,
        place: PlaceLoad,
        send_plan: SendPlan,
        judge: JudgeRun,
        engines: LoadEngines,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._change = change
        self._place = place
        self._send_plan = send_plan
        self._judge = judge
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
            if any(part.unanswered for part in run.load_parts):
                run = self._find(run)
            if run.next_step() == NextStep.CONTINUE and run.started_task.execution_id is None:
                # Stored before a policy was tightened, or meant for another engine: what holds is what is so now.
                if all(part.execution_id is None for part in run.load_parts):
                    self._judge(run)
                run = self._start(run)
        except TestPlanRefused as refusal:
            run = self._give_up(run, refusal.message)
        except (EngineRefused, UploadMissing) as refusal:
            run = self._give_up(run, f"the engine did not start the load: {refusal.message}")
        except (EngineUnavailable, StorageUnavailable) as trouble:
            run = self._later(run, trouble)
        return StepResult.of(run)

    def _start(self, run: ExperimentRun) -> ExperimentRun:
        """Start the load where there is room. An engine that certainly did not take it makes room for the next one."""
        tried: dict[str, EngineUnavailable] = {}
        while True:
            placed = self._place(run.experiment_task_id, tried)
            if placed is None:
                raise next(reversed(tried.values()), _no_room(run))
            if placed.next_step() != NextStep.CONTINUE or placed.started_task.execution_id is not None:
                return placed
            unavailable = self._start_parts(placed)
            if not unavailable:
                return self._change.read(run.experiment_task_id)
            for name, trouble in unavailable.items():
                warn(LogEvent.ENGINE_TROUBLE, engine=name, reason=trouble.message)
            tried.update(unavailable)

    def _start_parts(self, run: ExperimentRun) -> dict[str, EngineUnavailable]:
        """Start what is not started yet of a placed load, on all its engines at once.

        Gives the engines that certainly did not take their part. Raises EngineRefused when one refused, and
        StartNotConfirmed when one gave no verdict.
        """
        parts = {part.engine: part for part in run.parts_to_start}
        shape = self._send_plan.shape_of(run.required_plan.definition)
        # All plans first, so that the parts then begin together.
        brought = self._engines.side_by_side(list(parts), lambda name: self._bring_plan(run, parts[name]))
        unavailable = {name: plan for name, plan in brought.items() if isinstance(plan, EngineUnavailable)}
        if unavailable:
            return unavailable
        plans = {name: plan for name, plan in brought.items() if isinstance(plan, SentPlan)}
        run = self._change(run.experiment_task_id, lambda changing: self._mark_attempt(changing, list(parts), shape))
        answers = self._engines.side_by_side(
            list(parts), lambda name: self._ask_to_start(name, self._request(run, parts[name], plans[name]))
        )
        self._take_answers(run, answers)
        said = {name: answer.said for name, answer in answers.items()}
        for answer in said.values():
            if isinstance(answer, EngineRefused):
                raise answer
        for answer in said.values():
            if isinstance(answer, EngineAnswerLost | EngineAnsweredWrongly):
                warn(LogEvent.ENGINE_TROUBLE, task_id=run.started_task.task_id, reason=answer.message)
                raise StartNotConfirmed(answer.message) from answer
        return {name: answer for name, answer in said.items() if isinstance(answer, EngineUnavailable)}

    def _bring_plan(self, run: ExperimentRun, part: LoadPart) -> SentPlan | EngineUnavailable:
        """The plan as the part's engine has it. An upload may be repeated freely: nothing was started."""
        plan = run.required_plan
        duration = plan.strategy.traffic_duration_sec
        try:
            return self._send_plan(self._engines.of(part.engine), plan.definition, part.threads, duration)
        except EngineUnavailable as trouble:
            return trouble
        except (EngineAnswerLost, EngineAnsweredWrongly) as trouble:
            return EngineUnavailable(trouble.message)

    def _request(self, run: ExperimentRun, part: LoadPart, sent: SentPlan) -> StartLoad:
        plan = run.required_plan
        definition = plan.definition
        return StartLoad(
            test_name=name_of(run.started_task.task_id),
            plan_path=sent.path,
            description=f"experiment task {run.experiment_task_id}",
            threads=part.threads,
            loops=definition.engine_loops,
            ramp_up=definition.ramp_up,
            duration=plan.strategy.traffic_duration_sec,
            timeout=max(10, plan.longest_sec + self._limits.grace),
            heap_size=definition.heap_size,
            properties={**definition.plan_properties, **_rows_asked_for(definition), **_place_among(run, part)},
            files=sent.files,
            # Said where it is not what an engine does that is not asked: others do not know these words.
            respect_loops=definition.respect_loops or None,
            set_up_limit=_unless(SET_UP_LIMIT_SEC, definition.set_up_limit_sec),
            tear_down_limit=_unless(TEAR_DOWN_LIMIT_SEC, definition.tear_down_limit_sec),
        )

    def _ask_to_start(self, engine: str, request: StartLoad) -> _Answer:
        said: EngineRun | EngineError
        try:
            said = self._engines.of(engine).start(request)
        except EngineError as trouble:
            said = trouble
        return _Answer(said, self._clock.now())

    def _take_answers(self, run: ExperimentRun, answers: Mapping[str, _Answer]) -> None:
        """Note, in one transaction, which engines run their part and which certainly do not."""
        in_order = sorted(answers.items(), key=lambda each: each[1].at)

        def take(run: ExperimentRun) -> None:
            for name, (said, at) in in_order:
                if isinstance(said, EngineRun):
                    run.accept_load(said, self._limits.grace, at, on=name)
                elif isinstance(said, EngineRefused | EngineUnavailable):
                    run.withdraw_start(at, on=name)

        taken = self._change(run.experiment_task_id, take)
        for name, (said, _) in in_order:
            if isinstance(said, EngineRun):
                self._tell(LogEvent.LOAD_STARTED, taken, name, said)

    def _mark_attempt(self, run: ExperimentRun, engines: list[str], shape: PlanShape) -> None:
        waiting = [part.engine for part in run.parts_to_start]
        if run.next_step() == NextStep.CONTINUE and waiting and waiting == engines:
            run.know_thread_groups(shape.groups, shape.ramp_up)
            run.attempt_start(self._clock.now())
        else:
            # Somebody else is starting, or there is nothing to start any more.
            raise StartNotConfirmed("another attempt is under way, or the experiment ended meanwhile")

    def _find(self, run: ExperimentRun) -> ExperimentRun:
        """Look for what an attempt started whose answer was lost."""
        for part in [part for part in run.load_parts if part.unanswered]:
            run = self._find_part(run, part)
        return run

    def _find_part(self, run: ExperimentRun, part: LoadPart) -> ExperimentRun:
        try:
            found = loads_by_task(self._engines.of(part.engine).list_runs()).get(run.started_task.task_id)
        except (EngineAnswerLost, EngineAnsweredWrongly, EngineRefused) as trouble:
            raise EngineUnavailable(trouble.message) from trouble
        if found is None:
            if self._out_of_time(run):
                return self._give_up(run, "the engine never confirmed the start")
            raise StartNotConfirmed("the engine does not list the load yet")
        if found.status is EngineStatus.FAILED:
            # A refused start can leave a record that never ran (trap 12); either way nothing runs.
            words = found.error_message or "it lists the run as FAILED"
            return self._give_up(run, f"the engine did not start the load: {words}", absent=part.engine)
        now = self._clock.now()
        adopted = self._change(
            run.experiment_task_id, lambda run: run.accept_load(found, self._limits.grace, now, on=part.engine)
        )
        self._tell(LogEvent.LOAD_ADOPTED, adopted, part.engine, found)
        return adopted

    def _tell(self, event: LogEvent, run: ExperimentRun, engine: str, engine_run: EngineRun) -> None:
        log(event, task_id=run.started_task.task_id, engine=engine, execution_id=engine_run.execution_id)

    def _later(self, run: ExperimentRun, trouble: EngineUnavailable | StorageUnavailable) -> ExperimentRun:
        if not self._out_of_time(run):
            raise trouble
        return self._give_up(run, f"the load could not be started: {trouble.message}")

    def _give_up(self, run: ExperimentRun, reason: str, absent: str | None = None) -> ExperimentRun:
        """The load is no use. ``absent``: an engine on which certainly nothing of it runs."""
        now = self._clock.now()

        def fail(run: ExperimentRun) -> None:
            if absent is not None and run.started_task.execution_id is None:
                run.withdraw_start(now, on=absent)
            run.fail_load(StopReason.LOAD_LOST, reason, now)

        warn(LogEvent.LOAD_NOT_STARTED, task_id=run.started_task.task_id, reason=reason)
        return self._change(run.experiment_task_id, fail)

    def _out_of_time(self, run: ExperimentRun) -> bool:
        first: datetime | None = run.start_first_tried_at
        return first is not None and self._clock.now() - first >= timedelta(seconds=self._limits.start)


def _no_room(run: ExperimentRun) -> EngineUnavailable:
    parts = run.parts_to_place()
    few = "no engine has" if len(parts) == 1 else f"fewer than {len(parts)} further engines have"
    return EngineUnavailable(f"{few} room for this load now")


def _unless(default: int, value: int) -> int | None:
    return None if value == default else value


def _rows_asked_for(definition: LoadTestDefinition) -> dict[str, str]:
    """Our engine writes no rows of sub-results that is not asked, unless a plan's requests are among them."""
    return {"jmeter.save.saveservice.subresults": "true"} if definition.sub_results else {}


def _place_among(run: ExperimentRun, part: LoadPart) -> dict[str, str]:
    """Which of how many parts this is, so that a plan can take rows of its own from a data file that all have."""
    if not run.parts:
        return {}
    return {
        "tandem.part": str([each.engine for each in run.parts].index(part.engine) + 1),
        "tandem.parts": str(len(run.parts)),
    }
