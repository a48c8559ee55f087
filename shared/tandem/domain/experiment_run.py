"""One experiment task and the load test that goes with it: everything the orchestration has to remember, and its rules.

``ExperimentRun`` is the one place in which a task changes its state. Each change notes its audit entries and its
outgoing messages on the run; the repository writes row, audit and outbox in one transaction, and what was measured is
told when that has committed. All times are aware UTC.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tandem_samples import GroupKind, ThreadGroup

from tandem.domain.audit import AuditEntry, AuditKind
from tandem.domain.definition import LoadTestDefinition
from tandem.domain.engine_state import Ended, StopOrder, StopReason, TaskFacts, Verdict, judge
from tandem.domain.errors import Conflict, InvalidValue
from tandem.domain.fault_window import FaultWindow, ToldWindow, choose_window
from tandem.domain.gate import GateFigures
from tandem.domain.generator_health import GeneratorHealth, healths_together
from tandem.domain.identity import Owner
from tandem.domain.injection import Injection, InjectionState
from tandem.domain.limits import Limits
from tandem.domain.load_engine import EngineRun, StatusAnswer
from tandem.domain.load_part import LoadPart, divided, fitting, together
from tandem.domain.measurements import RunMetric
from tandem.domain.messages import Channel, EventName, Message, StopWhat, Subject
from tandem.domain.strategy import LoadTestStrategy
from tandem.domain.task import LoadTestTask, TaskStatus
from tandem.domain.timestamps import iso_utc
from tandem.domain.unsettled_run import Undone
from tandem.domain.workflow_step import NextStep, StepResult


class Outcome(StrEnum):
    """How the platform says that an experiment ended."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Strategy and definition as they were when the task was created: later edits do not touch a run under way.

    ``thread_groups``: the enabled thread groups of the test plan that was sent; empty while they are not known, and for
    a plan that lies on an engine which does not tell them. ``own_ramp_up``: the longest ramp-up, in seconds, that its
    main groups say by themselves.
    """

    strategy: LoadTestStrategy
    definition: LoadTestDefinition
    thread_groups: tuple[ThreadGroup, ...] = ()
    own_ramp_up: int = 0

    @property
    def ramp_up_sec(self) -> int:
        """For how long the load grows: the definition's ramp-up, or the test plan's own where that is longer."""
        return max(self.definition.ramp_up, self.own_ramp_up)

    @property
    def set_up_sec(self) -> int:
        """How long set-up groups may keep the load waiting; 0 when there are none, or none are known."""
        return self.definition.set_up_limit_sec if self._has(GroupKind.SETUP) else 0

    @property
    def longest_sec(self) -> int:
        """How long the engine may be at it in all: set-up, load, tear-down."""
        tear_down = self.definition.tear_down_limit_sec if self._has(GroupKind.TEARDOWN) else 0
        return self.set_up_sec + self.strategy.traffic_duration_sec + tear_down

    def _has(self, kind: GroupKind) -> bool:
        return any(group.kind is kind for group in self.thread_groups)


class NotThisRunsOwner(Conflict):
    """An event claims an experiment task that belongs to another user or namespace."""

    code = "EXPERIMENT_TASK_OF_ANOTHER_OWNER"


_STOPPED_ON_PURPOSE = frozenset({StopReason.USER, StopReason.EXPERIMENT_ENDED, StopReason.STOP_ON_COMPLETION})
_ENDED_AS = {
    TaskStatus.SUCCEEDED: RunMetric.SUCCEEDED,
    TaskStatus.FAILED: RunMetric.FAILED,
    TaskStatus.STOPPED: RunMetric.STOPPED,
    TaskStatus.TIMEOUT: RunMetric.TIMED_OUT,
}
_OUTCOME_OF = {
    InjectionState.COMPLETED: Outcome.SUCCEEDED,
    InjectionState.STOPPED: Outcome.STOPPED,
    InjectionState.CANCELLED: Outcome.STOPPED,
    InjectionState.FAILED: Outcome.FAILED,
}
_UNTIL_THE_NEXT_SWEEP = timedelta(seconds=35)
_TIME_TO_NOTE_INJECTION = 60


@dataclass(slots=True)
class ExperimentRun(Undone):
    """An experiment task. Without ``task`` it only remembers that the experiment ended before it was seen to start."""

    experiment_task_id: str
    created_at: datetime
    owner: Owner | None = None
    experiment_id: str | None = None
    workflow_arn: str | None = None
    plan: RunPlan | None = None
    task: LoadTestTask | None = None

    fault_at: datetime | None = None
    start_due_at: datetime | None = None
    start_first_tried_at: datetime | None = None
    start_attempted_at: datetime | None = None
    load_accepted_at: datetime | None = None
    load_started_at: datetime | None = None
    load_proven_at: datetime | None = None
    load_failure: str | None = None
    deadline: datetime | None = None

    window_due_at: datetime | None = None
    window_opened_at: datetime | None = None
    window_load_proven: bool | None = None
    abort_requested_at: datetime | None = None
    task_token: str | None = None

    stop_requested_at: datetime | None = None
    stop_cause: StopReason | None = None
    stop_reason: str | None = None
    stop_claimed_at: datetime | None = None
    stop_confirmed_at: datetime | None = None

    finished_at: datetime | None = None
    outcome: Outcome | None = None
    finish_reason: str | None = None

    fault_started_at: datetime | None = None
    fault_ended_at: datetime | None = None
    injection_id: str | None = None
    injection_ended_at: datetime | None = None

    stop_overdue_at: datetime | None = None
    archived_at: datetime | None = None
    verdict: str | None = None

    missing_sweeps: int = 0
    engine: str | None = None
    threads: int | None = None
    parts: list[LoadPart] = field(default_factory=list)
    gate_figures: GateFigures | None = None
    generators: dict[str, GeneratorHealth] = field(default_factory=dict)
    removed_engines: list[str] = field(default_factory=list)
    """Engines that an operator removed while the load may have run there: what became of it nobody confirms.

    A stop that nobody else can confirm ends with the removal: ``stop_confirmed_at`` is then the moment of that.
    """

    loaded_status: TaskStatus | None = None
    audit: list[AuditEntry] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)

    # --- what is so -------------------------------------------------------------------------------------------------

    @property
    def started_task(self) -> LoadTestTask:
        """The task. Raises Conflict when this run has none."""
        if self.task is None:
            raise Conflict(f"experiment task {self.experiment_task_id} has no load-test task")
        return self.task

    @property
    def required_plan(self) -> RunPlan:
        """The plan. Raises Conflict when this run has none."""
        if self.plan is None:
            raise Conflict(f"experiment task {self.experiment_task_id} has no plan of a load")
        return self.plan

    @property
    def subject(self) -> Subject:
        """Who and what our events are about."""
        task = self.started_task
        return Subject(
            experiment_id=self.experiment_id or "",
            experiment_task_id=self.experiment_task_id,
            task_id=task.task_id,
            user_id=task.user_id,
            namespace=task.namespace,
        )

    @property
    def task_status(self) -> TaskStatus | None:
        return None if self.task is None else self.task.status

    @property
    def may_be_on_engine(self) -> bool:
        """A start was sent, or may have been: only the engine can say that nothing runs."""
        return self.start_attempted_at is not None or (self.task is not None and self.task.execution_id is not None)

    @property
    def load_parts(self) -> list[LoadPart]:
        """The load as parts, each on one engine; a load on one engine is a part that is shown, not kept."""
        if self.parts:
            return self.parts
        task = self.task
        whole = LoadPart(self.engine_name, self.threads or 0, self.start_attempted_at)
        whole.missing_sweeps = self.missing_sweeps
        if task is not None and task.execution_id is not None:
            whole.execution_id, whole.accepted_at = task.execution_id, self.load_accepted_at or task.start_time
            whole.result_path, whole.report_path, whole.log_path = task.result_path, task.report_path, task.log_path
        return [whole]

    @property
    def parts_to_start(self) -> list[LoadPart]:
        """Those that no engine was asked to run yet."""
        return [part for part in self.load_parts if part.attempted_at is None and part.execution_id is None]

    def parts_to_place(self) -> list[LoadPart]:
        """Those that are yet to be started; of a load that is not kept in parts, what the strategy makes of it."""
        if self.parts:
            return self.parts_to_start
        plan = self.required_plan
        return [LoadPart("", threads) for threads in divided(plan.definition.threads, plan.strategy.engines)]

    @property
    def fault_window(self) -> FaultWindow:
        """When the fault was, as well as it is known, and from what."""
        told = ToldWindow(self.fault_started_at, self.fault_ended_at)
        return choose_window(told, self.fault_at, self.window_opened_at, self.finished_at)

    @property
    def gate_deadline(self) -> datetime:
        """When the load must be proven: the gate's timeout after the engine took it, before a fault still to come.

        While set-up groups run the gate waits for them: its time counts from the load's first sample then.
        """
        accepted = self.load_accepted_at or self.created_at
        plan = self.required_plan
        began = min(
            self.load_started_at or datetime.max.replace(tzinfo=UTC), accepted + timedelta(seconds=plan.set_up_sec)
        )
        deadline = began + timedelta(seconds=plan.strategy.gate.timeout_sec)
        if self.fault_at is not None and self.fault_at > accepted:
            return min(deadline, self.fault_at)
        return deadline

    @property
    def generator(self) -> GeneratorHealth | None:
        """How the machines that made the load fared; None while no engine has told."""
        return healths_together(list(self.generators.values()))

    @property
    def load_was_proven(self) -> bool:
        """Whether requests were seen to arrive before the fault."""
        return self.load_proven_at is not None or bool(self.window_load_proven)

    @property
    def ended_as_planned(self) -> bool:
        """The load ran and ended as it was configured to: of itself, or with the experiment (``stopOnCompletion``)."""
        task = self.task
        if task is None or task.execution_id is None:
            return False
        stopped = task.status is TaskStatus.STOPPED and self.stop_cause is StopReason.STOP_ON_COMPLETION
        return task.status is TaskStatus.SUCCEEDED or stopped

    @property
    def results_awaited(self) -> bool:
        """Whether a load whose task has ended may still go on, and its results with it; not for ever, though."""
        return self.stop_pending and self.stop_overdue_at is None

    def engine_is_gone(self, now: datetime, limits: Limits) -> bool:
        """Whether an engine that cannot be asked about this ended run, still, is taken for gone."""
        end = self.started_task.end_time
        return end is not None and now - end > timedelta(seconds=limits.engine_gone)

    @property
    def aborts_on_load_failure(self) -> bool:
        """Whether the strategy says abort, and it was not the user who stopped the load."""
        return self.plan is not None and self.plan.strategy.abort_on_load_failure and self.stop_cause != StopReason.USER

    @property
    def watched_closely(self) -> bool:
        """Whether a lost load must be noticed within seconds: it runs, the experiment too, and the strategy aborts."""
        return (
            self.task is not None
            and self.task.status is TaskStatus.RUNNING
            and self.finished_at is None
            and self.aborts_on_load_failure
        )

    def seconds_to_deadline(self, now: datetime) -> int:
        """How long the end may be waited for: a little beyond the deadline, so that whoever looks finds it passed.

        Behind a fault of our own without a load there is no deadline, but still a step that notes what was started.
        """
        shortest = 1 if self.template_id is None else _TIME_TO_NOTE_INJECTION
        if self.deadline is None:
            return shortest
        return max(shortest, math.ceil((self.deadline - now).total_seconds() + 1))

    def next_step(self) -> NextStep:
        """What the workflow does now. Pure: asking twice gives the same answer."""
        rest = NextStep.STOP if self.stop_pending else NextStep.DONE
        if self.task is None or self.finished_at is not None:
            return rest
        if self.abort_requested_at is not None:
            return NextStep.ABORT
        if self.injection_may_run and self.injection_id is None:
            return NextStep.INJECT
        if self.task.status.ended or self.stop_requested_at is not None:
            return rest if self.window_opened_at is not None else NextStep.OPEN_UNPROVEN
        return NextStep.CONTINUE

    # --- what happens -----------------------------------------------------------------------------------------------

    def belongs_to(self, owner: Owner) -> None:
        """Raise NotThisRunsOwner when another owner has this experiment task; the first event wins."""
        if self.owner is not None and self.owner != owner:
            raise NotThisRunsOwner(f"experiment task {self.experiment_task_id} belongs to another owner")

    def create_task(self, task_id: str, plan: RunPlan, start_due_at: datetime, now: datetime) -> None:
        """Give the run its one task, PENDING."""
        strategy = plan.strategy
        self.plan = plan
        self.start_due_at = start_due_at
        self.window_due_at = self.fault_at
        self.task = LoadTestTask(
            task_id=task_id,
            strategy_id=strategy.strategy_id,
            experiment_task_id=self.experiment_task_id,
            user_id=strategy.owner.user_id,
            namespace=strategy.owner.namespace,
            created_at=now,
            updated_at=now,
        )
        self._record_transition(None, TaskStatus.PENDING, "created for the experiment", now)

    def place_on(self, engines: Sequence[str], now: datetime) -> None:
        """The parts that are yet to be started go to these engines, and stay there: a load is followed, stopped and
        read where it was started.
        """
        fresh = [] if self.parts else self.parts_to_place()
        if len(fresh) == 1:
            [engine] = engines
            self.threads = fresh[0].threads
            if engine != self.engine_name:
                self._note(f"placed on the engine {engine}", now)
            self.engine = engine
            return
        self.parts += fresh
        before = [part.engine for part in self.parts]
        for part, engine in zip(self.parts_to_start, engines, strict=True):
            part.engine = engine
        if before != [part.engine for part in self.parts]:
            names = ", ".join(f"{part.engine} ({part.threads} threads)" for part in self.parts)
            self._note(f"placed on the engines {names}", now)
        self.engine = self.parts[0].engine

    def know_thread_groups(self, groups: Sequence[ThreadGroup], ramp_up: int = 0) -> None:
        """Keep which thread groups the test plan has and for how long (s) they grow, unless that is known already or
        ``groups`` is empty.
        """
        if groups and self.plan is not None and not self.plan.thread_groups:
            self.plan = replace(self.plan, thread_groups=tuple(groups), own_ramp_up=ramp_up)

    def attempt_start(self, now: datetime) -> None:
        """Remember, before the engines are asked, that a start may be under way from now on."""
        for part in self.parts_to_start:
            part.attempted_at = now
        self.start_attempted_at = self.start_attempted_at or now

    def try_start(self, now: datetime) -> None:
        """The time limit for starting counts from the first try, and so does the lead time until there are samples."""
        if self.start_first_tried_at is None:
            self.start_first_tried_at = now
        if self.window_due_at is None:
            self.window_due_at = now + self._lead

    def withdraw_start(self, now: datetime, on: str | None = None) -> None:
        """The engine certainly did not start: another attempt is allowed, if the load is wanted still.

        ``on`` names the engine, which matters for a load in parts.
        """
        part = self._part_on(on)
        if part is not None and part.execution_id is None:
            part.attempted_at = None
        if not any(part.may_run for part in self.parts):
            self.start_attempted_at = None
            self.confirm_nothing_runs(now)
        if self.finished_at is not None:
            self.request_stop(StopReason.EXPERIMENT_ENDED, f"the experiment ended {self.outcome}", now)

    def accept_load(self, engine_run: EngineRun, grace_seconds: int, now: datetime, on: str | None = None) -> None:
        """The engine runs our load, or its part of it. ``on`` names the engine, which matters for a load in parts.

        The deadline is ``start + trafficDurationSec + grace`` (orchestration.md), of the last part that began, with the
        limits of set-up and tear-down groups where the plan has any.
        """
        task = self.started_task
        self.know_thread_groups(engine_run.thread_groups)
        if task.execution_id is not None and not self.parts:
            return
        words = f"the engine runs it as {engine_run.execution_id}"
        part = self._part_on(on)
        if part is not None:
            if part.execution_id is not None:
                return
            part.accept(engine_run, now)
            task.updated_at = now
            if any(each.execution_id is None for each in self.parts):
                self._note(f"the engine {part.engine} runs its part as {part.execution_id}", now)
                return
            words = f"the engines run it as {', '.join(f'{each.execution_id} ({each.engine})' for each in self.parts)}"
        whole = self.parts[0] if self.parts else engine_run
        task.execution_id = whole.execution_id
        task.result_path = fitting(whole.result_path)
        task.report_path = fitting(whole.report_path)
        task.log_path = fitting(whole.log_path)
        task.updated_at = now
        if task.status.ended:
            # A start that was given up on and turned up late: its stop is pending, now with an address.
            return
        task.start_time = now
        self.load_accepted_at = now
        self.measured[RunMetric.EVENT_TO_LOAD] = self._since_start_was_due(now)
        self.deadline = now + timedelta(seconds=self.required_plan.longest_sec + grace_seconds)
        self._change_status(TaskStatus.RUNNING, words, now)

    def see_first_sample(self, now: datetime) -> None:
        """Requests arrive: the lead time counts from here, unless the platform fixed the moment of the fault."""
        if self.load_started_at is not None:
            return
        self.load_started_at = now
        self.measured[RunMetric.EVENT_TO_FIRST_SAMPLE] = self._since_start_was_due(now)
        if self.fault_at is None:
            self.window_due_at = now + self._lead

    def measure_gate(self, figures: GateFigures) -> None:
        """What the gate's last look found, for whoever asks how it goes."""
        if self.load_proven_at is None and not self.started_task.status.ended:
            self.gate_figures = figures

    def prove_load(self, figures: str, now: datetime) -> None:
        """The gate is passed."""
        if self.load_proven_at is None:
            self.load_proven_at = now
            self._note(f"load proven: {figures}", now)

    def open_window(self, *, load_proven: bool, reason: str | None, now: datetime) -> None:
        """Tell the platform to inject, once. Nothing happens when it was told already, or does not wait any more."""
        if not self.window_undecided:
            return
        self.window_opened_at = now
        self.window_load_proven = load_proven
        more = {
            "loadProven": load_proven,
            "loadStartedAt": None if self.load_started_at is None else iso_utc(self.load_started_at),
        }
        if reason is not None:
            more["reason"] = reason
        self.messages.append(self.subject.event(EventName.FAULT_WINDOW_OPEN, now, **more))
        self._note("fault window opened" + ("" if reason is None else f": {reason}"), now)

    def open_due_window(self, now: datetime) -> None:
        """Open the window whose moment has come: with a proven load or, when none will run, with the reason."""
        match self.next_step():
            case NextStep.CONTINUE if self.window_opened_at is None:
                self.open_window(load_proven=True, reason=self._short_lead(now), now=now)
            case NextStep.OPEN_UNPROVEN:
                reason = self.load_failure or self.stop_reason or "no load runs"
                self.open_window(load_proven=False, reason=reason, now=now)

    def request_abort(self, reason: str, now: datetime) -> None:
        """Ask the platform to abort the experiment, once, and never after it ended."""
        if self.task is None or self.finished_at is not None or self.abort_requested_at is not None:
            return
        waits = self.task_token is not None
        self.abort_requested_at = now
        self.messages.append(self.subject.event(EventName.EXPERIMENT_ABORT_REQUESTED, now, reason=reason))
        self._note(f"abort of the experiment requested: {reason}", now)
        self._wake_workflow()
        self._stop_injection(workflow_does=waits)

    def wait_with(self, task_token: str) -> None:
        """A workflow waits with this token; it is woken at once when there is nothing to wait for."""
        self.task_token = task_token
        if self.next_step() != NextStep.CONTINUE:
            self._wake_workflow()

    def finish(self, outcome: Outcome, reason: str | None, now: datetime) -> None:
        """The experiment ended. By hand or abnormally: the load stops. Normally: only with ``stopOnCompletion``, or
        when not all of it had been started.
        """
        if self.finished_at is not None:
            return
        waits = self.task_token is not None
        self.finished_at, self.outcome, self.finish_reason = now, outcome, reason
        if self.task is None:
            return
        story = f"the experiment ended {outcome}" + (f": {reason}" if reason else "")
        self._note(story, now)
        self._outdate_results(now)
        if not self.task.status.ended:
            if outcome != Outcome.SUCCEEDED or self.parts_to_start:
                self.request_stop(StopReason.EXPERIMENT_ENDED, story, now)
            elif self.plan is not None and self.plan.strategy.stop_on_completion:
                self.request_stop(StopReason.STOP_ON_COMPLETION, story, now)
        self._wake_workflow()
        self._stop_injection(workflow_does=waits)

    def remember_injection(self, injection_id: str, now: datetime) -> None:
        """Our fault is under way as this FIS experiment. Once; FIS's client token sees to it that there is one."""
        if self.injection_id is None:
            self.injection_id = injection_id
            self._note(f"FIS injects the fault: experiment {injection_id} of template {self.template_id}", now)

    def learn_injection(self, injection: Injection, now: datetime) -> None:
        """Take what FIS says about our experiment; its end is the end of ours."""
        self.remember_injection(injection.injection_id, now)
        if injection.state.ended:
            self._learn_actions(injection, now)
            story = f"FIS experiment {injection.injection_id} {injection.state.lower()}"
            reason = f"{story}: {injection.reason}" if injection.reason else story
            self._end_injection(_OUTCOME_OF[injection.state], reason, now)
        elif self.injection_stop_pending:
            self.ask_for_injection_stop()

    def miss_injection(self, limits: Limits, now: datetime) -> None:
        """FIS knows no experiment of ours: when none can turn up any more, ours is over without a fault."""
        opened = self.window_opened_at
        if opened is not None and now - opened > timedelta(seconds=limits.injection_settles):
            self._end_injection(Outcome.FAILED, "FIS knows no fault of this experiment", now)

    def ask_for_injection_stop(self) -> None:
        """Send the stop of our fault to the worker (again: the sweep repeats what was not confirmed)."""
        body = {
            "taskId": self.started_task.task_id,
            "experimentTaskId": self.experiment_task_id,
            "what": StopWhat.INJECTION,
        }
        self.messages.append(Message(Channel.STOP_QUEUE, "stop-injection", body))

    def learn_fault_window(self, started_at: datetime | None, ended_at: datetime | None, now: datetime) -> None:
        """Take what whoever injects says of the fault itself; None: nothing is said of that end.

        Said again, the window widens (``fault_window``), so repeats and order do not matter. Raises InvalidValue, and
        then nothing has changed.
        """
        known = ToldWindow(self.fault_started_at, self.fault_ended_at)
        hull = known.widened(ToldWindow(started_at, ended_at), self.created_at, now)
        if hull == known:
            return
        self.fault_started_at, self.fault_ended_at = hull.started_at, hull.ended_at
        if self.task is not None:
            bounds = [
                f"{word} {iso_utc(moment)}"
                for word, moment in (("from", hull.started_at), ("to", hull.ended_at))
                if moment is not None
            ]
            self._note(f"told of the fault: {' '.join(bounds)}", now)
            self._outdate_results(now)

    def announce_report(self, verdict: str | None, archived_at: datetime, now: datetime) -> None:
        """The run is archived and its report can be fetched; said once of each archive that is made of it."""
        if self.archived_at == archived_at:
            return
        self.archived_at, self.verdict = archived_at, verdict
        self.messages.append(self.subject.event(EventName.REPORT_READY, now, verdict=verdict))

    def miss_confirmation(self, limits: Limits, now: datetime) -> None:
        """An engine has not confirmed the stop of an ended task's load: after a while the report waits no longer.

        The stop itself goes on being tried; when it is confirmed after all the report is made anew.
        """
        if self.task_status is None or not self.task_status.ended or not self.results_awaited:
            return
        if self.engine_is_gone(now, limits):
            self.stop_overdue_at = now
            self._note(
                f"the stop is not confirmed {limits.engine_gone:g} s after the end: the report comes without", now
            )
            self._outdate_results(now)

    def request_stop(self, cause: StopReason, reason: str, now: datetime) -> None:
        """Accept a stop durably. A task that never reached the engine is STOPPED at once: nobody has to confirm it."""
        task = self.started_task
        if task.status.ended or self.stop_requested_at is not None:
            return
        if not self.may_be_on_engine:
            self.stop_requested_at, self.stop_cause, self.stop_reason = now, cause, reason
            self.stop_confirmed_at = now
            self.end_task(TaskStatus.STOPPED, f"{reason}; the load had not been started", now)
            return
        self._intend_stop(cause, reason, now)

    def ask_for_stop(self) -> None:
        """Send the slow stop to its worker (again: the sweep repeats what was not confirmed)."""
        body = {"taskId": self.started_task.task_id, "experimentTaskId": self.experiment_task_id}
        self.messages.append(Message(Channel.STOP_QUEUE, "stop", body))

    def confirm_stop(self, now: datetime) -> None:
        """The engine says that the run is over."""
        if self.stop_pending:
            self._note_confirmed_stop(now)

    def learn(self, answer: StatusAnswer, now: datetime, *, is_sweep: bool) -> None:
        """Take what the engine said about our run (``engine_state``); silence changes nothing."""
        whole = self.load_parts[0]
        self._learn_generator(whole.engine, answer)
        verdict = judge(answer, self._facts(whole, now, is_sweep=is_sweep))
        whole.take(verdict, now)
        self.missing_sweeps = whole.missing_sweeps
        self._follow(verdict, now)

    def learn_all(self, answers: Mapping[str, StatusAnswer], now: datetime, *, is_sweep: bool) -> None:
        """Take what the engines said about our run, by engine; one that is not there was not asked."""
        if not self.parts:
            if self.engine_name in answers:
                self.learn(answers[self.engine_name], now, is_sweep=is_sweep)
            return
        for part in self.parts:
            if part.engine in answers and part.execution_id is not None and part.over_at is None:
                self._learn_generator(part.engine, answers[part.engine])
                verdict = judge(answers[part.engine], self._facts(part, now, is_sweep=is_sweep))
                if isinstance(verdict, Ended) and part.end is None:
                    self._note(f"the part on the engine {part.engine} ended: {verdict.reason}", now)
                part.take(verdict, now)
        self._follow(self._whole, now)

    def surely_absent(self, part: LoadPart, now: datetime, limits: Limits, *, all_listed: bool) -> bool:
        """Whether a part that its engine does not list is not there: its start would have turned up by now.

        Of a list that is full that is known only when the load, had it started, would be over: the engine itself ends
        it at the ``timeout`` it was given.
        """
        if part.attempted_at is None:
            return True
        age = now - part.attempted_at
        settled = timedelta(seconds=limits.start_settles)
        longest = timedelta(seconds=self.required_plan.longest_sec + limits.grace)
        return age >= settled and (all_listed or age >= settled + longest)

    def confirm_over(self, engine: str, now: datetime) -> None:
        """The engine says that the load, or its part, is over; with the last part the stop is confirmed."""
        if self._settle_part(engine, now):
            self.confirm_stop(now)

    def confirm_absent(self, engine: str, now: datetime) -> None:
        """The engine answers and knows nothing of the load, or of its part; with the last part the load is over."""
        if self._settle_part(engine, now):
            self.confirm_nothing_runs(now)

    def confirm_nothing_runs(self, now: datetime) -> None:
        """The engine answers and knows no load of ours: nothing is left to stop, and a task that waited for it ends."""
        if not self.stop_pending or self.stop_cause is None:
            return
        self._note_confirmed_stop(now)
        reason = f"{self.stop_reason}; the engine knows no load of this task"
        status = TaskStatus.STOPPED if self.stop_cause in _STOPPED_ON_PURPOSE else TaskStatus.FAILED
        self.end_task(status, reason, now)

    def end_task(
        self,
        status: TaskStatus,
        reason: str,
        now: datetime,
        *,
        ended_at: datetime | None = None,
        load_failure: bool = False,
    ) -> bool:
        """End the task; False when it had ended already. Before the window any end is a lost load."""
        task = self.started_task
        if task.status.ended:
            return False
        task.end_time = ended_at or now
        if status in {TaskStatus.FAILED, TaskStatus.TIMEOUT} or load_failure:
            task.error_message = reason
        self._change_status(status, reason, now)
        if self.finished_at is None and (load_failure or self.window_undecided):
            self.load_failure = reason
            if self.aborts_on_load_failure:
                self.request_abort(reason, now)
        self._wake_workflow()
        return True

    def find_alive(self, engine_run: EngineRun, engine: str, now: datetime) -> None:
        """A load of ours runs on an engine though its task has ended: it is to be stopped after all, there."""
        task = self.started_task
        if self.parts:
            part = self._part_on(engine)
            if part is None:
                part = LoadPart(engine, 0)
                self.parts.append(part)
            if part.execution_id is None:
                part.accept(engine_run, now)
            else:
                # The files of what ran there as part of the load are still those to be read.
                part.execution_id, part.over_at = engine_run.execution_id, None
        else:
            if engine != self.engine_name:
                self.engine = engine
            task.execution_id = engine_run.execution_id
        self.stop_confirmed_at = None
        if engine in self.removed_engines:
            # It is back, and can confirm the stop itself.
            self.removed_engines.remove(engine)
        if self.stop_requested_at is None:
            self.stop_requested_at, self.stop_cause = now, StopReason.LOAD_LOST
        self.stop_reason = f"the engine still runs it as {engine_run.execution_id}"
        self._note(f"stop requested: {self.stop_reason}", now)
        self.ask_for_stop()

    def fail_load(self, cause: StopReason, reason: str, now: datetime) -> None:
        """The load is no use: the task FAILED now, and whatever may still run of it is to be stopped."""
        if not self.started_task.status.ended:
            self._intend_stop(cause, reason, now)
            self.end_task(TaskStatus.FAILED, reason, now, load_failure=True)

    def lose_engine(self, engine: str, now: datetime) -> bool:
        """An operator says that the machine of this engine is gone, so that no stop will ever be confirmed there.

        A task that has not ended is FAILED, with what runs of it on other engines to be stopped; one that has keeps its
        state. False when nothing of the load may run on that engine, by what is known.
        """
        task = self.task
        if task is None or (task.status.ended and not self.stop_pending):
            return False
        if not any(part.engine == engine and part.may_run for part in self.load_parts):
            return False
        reason = f"engine {engine} was removed while its load ran; the stop was never confirmed"
        self.removed_engines.append(engine)
        self._note(f"{reason}: an operator says that the machine is gone", now)
        part = self._part_on(engine)
        if part is not None:
            part.over_at = now
            part.end = part.end or Ended(TaskStatus.FAILED, reason, now, counts_as_load_failure=True)
        if any(other.may_run for other in self.parts):
            self.fail_load(StopReason.LOAD_LOST, reason, now)
        else:
            self._wait_for_no_stop(reason, now)
            self.end_task(TaskStatus.FAILED, reason, now, load_failure=True)
        return True

    def lose_workflow(self, reason: str, now: datetime) -> None:
        """Nobody leads this run any more. Before the window: the task FAILED, the load stopped, the platform told.

        A window whose moment is further away than the next sweep is left to a later one, which calls this again.
        After the window the database and the sweep do what is left to do, and a load that runs well goes on; but a
        fault that we inject ourselves is aborted, with its load, before the window and after.
        """
        self.task_token = None
        if self.template_id is not None:
            # A fault of our own: with nobody to lead it, it must not begin, and what began of it must end.
            if self.window_undecided or self.injection_may_run:
                self.fail_load(StopReason.WORKFLOW_FAILED, reason, now)
                self.request_abort(reason, now)
            return
        if not self.window_undecided:
            return
        self.fail_load(StopReason.WORKFLOW_FAILED, reason, now)
        due = self.window_due_at
        if self.window_undecided and (due is None or due <= now + _UNTIL_THE_NEXT_SWEEP):
            self.open_window(load_proven=False, reason=self.load_failure or reason, now=now)

    def pass_deadline(self, now: datetime) -> None:
        """The load outlived ``start + trafficDurationSec + grace``: TIMEOUT now, and stopped on the engine."""
        if not self.started_task.status.ended:
            overrun = f"still running at its deadline {iso_utc(self.deadline or now)}"
            self._intend_stop(StopReason.DEADLINE, overrun, now)
            self.end_task(TaskStatus.TIMEOUT, overrun, now)

    # --- how it is recorded -----------------------------------------------------------------------------------------

    @property
    def _lead(self) -> timedelta:
        return timedelta(seconds=self.required_plan.strategy.start_before_fault_sec)

    def _settle_part(self, engine: str, now: datetime) -> bool:
        """Nothing of the load runs on that engine; True when with that nothing of it runs anywhere."""
        if not self.parts:
            return engine == self.engine_name
        part = self._part_on(engine)
        if part is not None:
            part.over_at = part.over_at or now
            self._follow(self._whole, now)
        return not any(part.may_run for part in self.parts)

    @property
    def _whole(self) -> Verdict:
        """What the ends of the parts make of the load."""
        return together(self.parts, accepted=self.load_accepted_at is not None)

    def _part_on(self, engine: str | None) -> LoadPart | None:
        """The kept part on that engine; None for a load on one engine, which keeps no parts."""
        return next((part for part in self.parts if part.engine == engine), None)

    def _facts(self, part: LoadPart, now: datetime, *, is_sweep: bool) -> TaskFacts:
        stop = None
        if self.stop_requested_at is not None and self.stop_cause is not None:
            stop = StopOrder(self.stop_requested_at, self.stop_cause, self.stop_reason)
        return TaskFacts(
            now=now,
            load_started_at=part.accepted_at,
            # A task from before there were plans: no duration is known, so none is waited for.
            planned_seconds=0 if self.plan is None else self.plan.strategy.traffic_duration_sec,
            stop=stop,
            missing_sweeps=part.missing_sweeps,
            is_sweep=is_sweep,
            task_id=self.started_task.task_id,
        )

    def _follow(self, end: Verdict, now: datetime) -> None:
        """Let the task become what the verdict on its load says."""
        if not isinstance(end, Ended):
            return
        if not self.started_task.status.ended and end.load_may_go_on:
            self._intend_stop(StopReason.LOAD_LOST, end.reason, now)
        self.end_task(end.status, end.reason, now, ended_at=end.ended_at, load_failure=end.counts_as_load_failure)
        if not end.load_may_go_on:
            self.confirm_stop(now)

    def _learn_generator(self, engine: str, answer: StatusAnswer) -> None:
        if isinstance(answer, EngineRun) and answer.generator is not None:
            self.generators[engine] = answer.generator

    def _since_start_was_due(self, now: datetime) -> float:
        due = max(self.created_at, self.start_due_at or self.created_at)
        return max(0.0, (now - due).total_seconds())

    def _wait_for_no_stop(self, reason: str, now: datetime) -> None:
        """Nobody is left who could confirm a stop: nothing is asked for any more, and the results are what they are."""
        if self.stop_requested_at is None:
            self.stop_requested_at, self.stop_cause, self.stop_reason = now, StopReason.LOAD_LOST, reason
        self.stop_confirmed_at, self.stop_overdue_at = now, None
        self._outdate_results(now)

    def _note_confirmed_stop(self, now: datetime) -> None:
        self.stop_confirmed_at, self.stop_overdue_at = now, None
        if self.loaded_status is not None and self.loaded_status.ended:
            # The task's end was told before: whoever heard of it found that the results were not final yet.
            self._outdate_results(now)
        if self.stop_requested_at is not None:
            self.measured[RunMetric.STOP] = max(0.0, (now - self.stop_requested_at).total_seconds())

    def _intend_stop(self, cause: StopReason, reason: str, now: datetime) -> None:
        """Remember that the engine must stop our load, unless that is known already or nothing can run there."""
        if self.stop_requested_at is None and self.may_be_on_engine:
            self.stop_requested_at, self.stop_cause, self.stop_reason = now, cause, reason
            self._note(f"stop requested ({cause}): {reason}", now)
            if self.task_token is not None:
                # The workflow waits, and stops the load when it is woken; one stopper is enough.
                self._wake_workflow()
            else:
                self.ask_for_stop()

    def _learn_actions(self, injection: Injection, now: datetime) -> None:
        try:
            self.learn_fault_window(injection.fault_started_at, injection.fault_ended_at, now)
        except InvalidValue as refusal:
            # Such as actions that took no time at all: the window that we opened stands in for theirs.
            self._note(f"the times of FIS's actions are no fault window: {refusal.message}", now)

    def _end_injection(self, outcome: Outcome, reason: str, now: datetime) -> None:
        if self.injection_ended_at is None:
            self.injection_ended_at = now
            self.finish(outcome, reason, now)

    def _stop_injection(self, *, workflow_does: bool) -> None:
        """See to it that FIS stops our fault. A workflow that was just woken does it itself, if it knows its id."""
        if self.injection_stop_pending and not (workflow_does and self.injection_id is not None):
            self.ask_for_injection_stop()

    def _short_lead(self, now: datetime) -> str | None:
        """With a fault at a fixed moment the load may have had less time than the strategy asks for: say so."""
        lead = timedelta(0) if self.load_started_at is None else now - self.load_started_at
        if lead >= self._lead:
            return None
        return f"the load led by {lead.total_seconds():.1f} s of {self._lead.total_seconds():.0f} s"

    def _outdate_results(self, now: datetime) -> None:
        """What was said of an ended task's results may not hold any more, or was not final: look again."""
        if self.started_task.status.ended:
            self.messages.append(self.subject.event(EventName.RESULTS_OUTDATED, now))

    def _change_status(self, status: TaskStatus, reason: str, now: datetime) -> None:
        task = self.started_task
        if not task.status.may_become(status):
            raise Conflict(f"task {task.task_id} is {task.status} and cannot become {status}")
        before, task.status = task.status, status
        if status.ended:
            self.measured[_ENDED_AS[status]] = 1
        self._record_transition(before, status, reason, now)

    def _record_transition(self, before: TaskStatus | None, after: TaskStatus, reason: str, now: datetime) -> None:
        task = self.started_task
        task.updated_at = now
        self.audit.append(AuditEntry(task.task_id, now, AuditKind.TRANSITION, reason, before, after))
        change = {"from": before, "to": after, "reason": reason}
        self.messages.append(self.subject.event(EventName.TASK_STATE_CHANGED, now, **change))

    def _note(self, reason: str, now: datetime) -> None:
        self.audit.append(AuditEntry(self.started_task.task_id, now, AuditKind.NOTE, reason))

    def _wake_workflow(self) -> None:
        """Answer a waiting workflow with what to do next. A token is used once."""
        if self.task_token is None:
            return
        token, self.task_token = self.task_token, None
        self.messages.append(Message(Channel.WORKFLOW, token, StepResult.of(self).document()))
