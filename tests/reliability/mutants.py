"""The system with one safety taken out at a time: the property test must notice each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from greenlet import getcurrent
from sqlalchemy import delete
from tandem.adapters.database import bulk_update, tables
from tandem.adapters.database import runs as sql_runs
from tandem.adapters.database.announcements import SqlAnnouncements
from tandem.adapters.database.audit import SqlAudit
from tandem.adapters.database.leases import SqlLeases
from tandem.adapters.database.outbox import SqlOutbox
from tandem.adapters.engine.client import HttpLoadEngine
from tandem.domain import engine_state, experiment_run, load_part
from tandem.domain.audit import AuditEntry
from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.engine_state import Running, Verdict
from tandem.domain.errors import EngineAnswerLost, EngineUnavailable
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.load_engine import EngineRun, EngineStatus, StartLoad
from tandem.domain.load_part import LoadAddress, LoadPart
from tandem.domain.messages import Channel, Message
from tandem.domain.plan_shape import PlanShape
from tandem.domain.ports import StoredMessage, UnitOfWork
from tandem.domain.task import TaskStatus
from tandem.domain.unsettled_run import UnsettledRun
from tandem.services import note_announcement, start_load, stop_load, sweep_facts
from tandem.services.change_run import ChangeRun
from tandem.services.create_task import CreateTask
from tandem.services.place_load import PlaceLoad
from tandem.services.start_load import StartLoadOfTask
from tandem.services.stop_load import StopLoadOfRun
from tandem.services.sweep_facts import SweepFacts
from tandem.services.sync_tasks import SyncTasks

from tests.reliability import system

Patch = Callable[[pytest.MonkeyPatch], None]


def without_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    """A run is read in one transaction and written in another, whatever became of it meanwhile."""

    def change(self: ChangeRun, experiment_task_id: str, change: Callable[[ExperimentRun], None]) -> ExperimentRun:
        run = self.read(experiment_task_id)
        change(run)
        self._database.write(lambda uow: uow.runs.save([run]))
        self._deliver()
        return run

    patch.setattr(ChangeRun, "__call__", change)
    parts = bulk_update._parts
    patch.setattr(bulk_update, "_parts", lambda *given: (parts(*given)[0], ""))
    patch.setattr(bulk_update, "_statement", bulk_update._statement.__wrapped__)


@dataclass(slots=True)
class _Memory:
    messages: list[StoredMessage] = field(default_factory=list)


def without_outbox(patch: pytest.MonkeyPatch) -> None:
    """Messages wait in the memory of the process that made them, and are sent after its commit."""
    memory: dict[int, _Memory] = {}

    def append(self: SqlOutbox, messages: Sequence[Message], now: datetime) -> None:
        kept = memory.setdefault(id(getcurrent()), _Memory())
        kept.messages += [StoredMessage(str(index), message, 1) for index, message in enumerate(messages)]

    def claim(self: SqlOutbox, limit: int, now: datetime, until: datetime) -> list[StoredMessage]:
        return memory.pop(id(getcurrent()), _Memory()).messages

    patch.setattr(SqlOutbox, "append", append)
    patch.setattr(SqlOutbox, "claim", claim)


def messages_removed_before_they_are_sent(patch: pytest.MonkeyPatch) -> None:
    claim = SqlOutbox.claim

    def claim_and_remove(self: SqlOutbox, limit: int, now: datetime, until: datetime) -> list[StoredMessage]:
        claimed = claim(self, limit, now, until)
        self.remove([each.message_id for each in claimed])
        return claimed

    patch.setattr(SqlOutbox, "claim", claim_and_remove)


def messages_sent_once_and_never_again(patch: pytest.MonkeyPatch) -> None:
    """What was claimed by a sender that died is nobody's."""

    def claim(self: SqlOutbox, limit: int, now: datetime, until: datetime) -> list[StoredMessage]:
        return original(self, limit, now, datetime.max.replace(tzinfo=until.tzinfo))

    original = SqlOutbox.claim
    patch.setattr(SqlOutbox, "claim", claim)


def attempt_not_written_before_the_start(patch: pytest.MonkeyPatch) -> None:
    def mark(self: StartLoadOfTask, run: ExperimentRun, engines: list[str], shape: PlanShape) -> None:
        run.know_thread_groups(shape.groups, shape.ramp_up)
        run.start_attempted_at = self._clock.now()

    original = sql_runs._memory

    def memory(run: ExperimentRun) -> dict[str, Any]:
        values = original(run)
        if run.task is not None and run.task.execution_id is None:
            values["start_attempted_at"] = None
        return values

    patch.setattr(StartLoadOfTask, "_mark_attempt", mark)
    patch.setattr(sql_runs, "_memory", memory)


def a_lost_answer_taken_for_no_start(patch: pytest.MonkeyPatch) -> None:
    """As if a start could be sent again whenever it was not answered."""
    start = HttpLoadEngine.start

    def hopeful(self: HttpLoadEngine, request: StartLoad) -> EngineRun:
        try:
            return start(self, request)
        except EngineAnswerLost as lost:
            raise EngineUnavailable(lost.message) from lost

    patch.setattr(HttpLoadEngine, "start", hopeful)


def load_not_looked_for_by_name(patch: pytest.MonkeyPatch) -> None:
    for module in (start_load, stop_load, sweep_facts):
        patch.setattr(module, "loads_by_task", lambda listed: {})


def stopped_at_the_request(patch: pytest.MonkeyPatch) -> None:
    request = ExperimentRun.request_stop

    def request_and_end(self: ExperimentRun, cause: Any, reason: str, now: datetime) -> None:
        request(self, cause, reason, now)
        self.end_task(TaskStatus.STOPPED, reason, now)

    patch.setattr(ExperimentRun, "request_stop", request_and_end)


def one_404_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine_state, "SWEEPS_UNTIL_FORGOTTEN", 1)


def old_404s_added_up(patch: pytest.MonkeyPatch) -> None:
    """A good answer between two 404s does not begin the count anew."""
    learn = ExperimentRun.learn

    def stubborn(self: ExperimentRun, answer: Any, now: datetime, *, is_sweep: bool) -> None:
        before = self.missing_sweeps
        learn(self, answer, now, is_sweep=is_sweep)
        self.missing_sweeps = max(before, self.missing_sweeps)

    patch.setattr(ExperimentRun, "learn", stubborn)


def a_full_list_believed(patch: pytest.MonkeyPatch) -> None:
    """What a list of 500 does not show is taken for absent."""
    patch.setattr(stop_load, "lists_everything", lambda listed: True)
    patch.setattr(sweep_facts, "lists_everything", lambda listed: True)


def no_lease(patch: pytest.MonkeyPatch) -> None:
    def acquire(self: SqlLeases, name: str, holder: str, now: datetime, until: datetime) -> bool:
        return True

    patch.setattr(SqlLeases, "acquire", acquire)


def a_lease_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A sweep that died keeps all others out."""
    acquire = SqlLeases.acquire

    def forever(self: SqlLeases, name: str, holder: str, now: datetime, until: datetime) -> bool:
        return acquire(self, name, holder, now, datetime.max.replace(tzinfo=until.tzinfo))

    patch.setattr(SqlLeases, "acquire", forever)


def the_engines_yes_to_a_stop_believed(patch: pytest.MonkeyPatch) -> None:
    def stop(self: StopLoadOfRun, run: ExperimentRun) -> ExperimentRun:
        for part in run.load_parts:
            self._engines.of(part.engine).stop(part.execution_id or "")
            run = self._learn(run, part, _ended(part, EngineStatus.STOPPED))
        return run

    patch.setattr(StopLoadOfRun, "_stop", stop)


def _ended(part: LoadPart, status: EngineStatus) -> EngineRun:
    return EngineRun(part.execution_id or "", status, status, test_name=None)


def an_early_end_not_remembered(patch: pytest.MonkeyPatch) -> None:
    """A run that ended before it was seen to start is forgotten."""
    create = CreateTask._create

    def forgetful(self: CreateTask, uow: UnitOfWork, experiment: Any, workflow_arn: str | None) -> Any:
        run = tables.run
        uow.runs._connection.execute(  # type: ignore[attr-defined]
            delete(run).where(run.c.experiment_task_id == experiment.experiment_task_id, run.c.task_id.is_(None))
        )
        return create(self, uow, experiment, workflow_arn)

    patch.setattr(CreateTask, "_create", forgetful)


def a_start_without_a_strategy_not_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqlAnnouncements, "put", lambda self, announcement, *, known: None)


def an_answer_that_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A window without a load was opened, and the next event for the experiment starts one."""
    patch.setattr(SqlAnnouncements, "find", lambda self, owner, experiment_task_id, since: None)
    patch.setattr(note_announcement, "_use_up", lambda uow, announced, now: True)


def a_window_for_whoever_asks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ExperimentRun, "window_undecided", property(lambda self: self.task is not None))


def an_abort_for_whoever_asks(patch: pytest.MonkeyPatch) -> None:
    request = ExperimentRun.request_abort

    def again(self: ExperimentRun, reason: str, now: datetime) -> None:
        self.abort_requested_at = None
        request(self, reason, now)

    patch.setattr(ExperimentRun, "request_abort", again)


def a_transition_without_its_event(patch: pytest.MonkeyPatch) -> None:
    record = ExperimentRun._record_transition

    def silent(self: ExperimentRun, before: Any, after: Any, reason: str, now: datetime) -> None:
        record(self, before, after, reason, now)
        if after is TaskStatus.STOPPED:
            self.messages.pop()

    patch.setattr(ExperimentRun, "_record_transition", silent)


def a_transition_without_its_audit(patch: pytest.MonkeyPatch) -> None:
    append = SqlAudit.append

    def forgetful(self: Any, entries: Sequence[AuditEntry]) -> None:
        append(self, [entry for entry in entries if entry.to_status is not TaskStatus.FAILED])

    patch.setattr(SqlAudit, "append", forgetful)


def lost_workflows_not_noticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SweepFacts, "_leaderless", lambda self, run: False)


def stops_not_repeated(patch: pytest.MonkeyPatch) -> None:
    """The queue's worker and the workflow have to do, for the sweep asks no second time."""

    def apply(self: SweepFacts, run: ExperimentRun) -> bool:
        changed = original(self, run)
        run.messages[:] = [message for message in run.messages if message.channel is not Channel.STOP_QUEUE]
        return changed

    original = SweepFacts.apply
    patch.setattr(SweepFacts, "apply", apply)


def a_404_to_the_stop_believed(patch: pytest.MonkeyPatch) -> None:
    """Neither the engine's list nor the sweeps are asked whether the 404 is true."""
    patch.setattr(StopLoadOfRun, "_listed", lambda self, run, part: None)
    patch.setattr(stop_load, "SWEEPS_THAT_MISS_IT", 0)


def a_failed_stop_taken_off_the_queue(patch: pytest.MonkeyPatch) -> None:
    """The worker's answer names no failed message (partial batch response)."""
    original = system.handler_of

    def handler_of(logical_id: str) -> tuple[Callable[[Any, object], Any], float]:
        handler, limit = original(logical_id)

        def content(event: Any, context: object) -> Any:
            handler(event, context)
            return {"batchItemFailures": []}

        return (content if logical_id == "OnStopRequestedFunction" else handler), limit

    patch.setattr(system, "handler_of", handler_of)


def orphans_left_running(patch: pytest.MonkeyPatch) -> None:
    """A load that turns up when its task has ended is nobody's business."""
    patch.setattr(SyncTasks, "_stop_orphans", lambda self, facts: None)


def without_the_deadline(patch: pytest.MonkeyPatch) -> None:
    """Only the engine's own timeout, as long as our deadline, ends a load that runs on."""
    patch.setattr(ExperimentRun, "pass_deadline", lambda self, now: None)


# --- of a load on several engines -------------------------------------------------------------------------------------


def running_when_one_engine_took_its_part(patch: pytest.MonkeyPatch) -> None:
    accept = ExperimentRun.accept_load

    def hasty(self: ExperimentRun, engine_run: EngineRun, grace: int, now: datetime, on: str | None = None) -> None:
        accept(self, engine_run, grace, now, on)
        if self.started_task.status is TaskStatus.PENDING:
            self._change_status(TaskStatus.RUNNING, "one engine runs its part", now)

    patch.setattr(ExperimentRun, "accept_load", hasty)


def stopped_when_one_engine_confirmed(patch: pytest.MonkeyPatch) -> None:
    def hasty(parts: Sequence[LoadPart], *, accepted: bool) -> Verdict:
        return next((part.end for part in parts if part.end is not None), Running(stop_pending=False))

    patch.setattr(experiment_run, "together", hasty)


def a_stop_confirmed_by_one_engine(patch: pytest.MonkeyPatch) -> None:
    """It is taken for the end of all parts, so that the others are stopped no more."""
    patch.setattr(ExperimentRun, "_settle_part", lambda self, engine, now: True)


def a_lost_part_not_noticed(patch: pytest.MonkeyPatch) -> None:
    """Until the others have ended too."""
    patch.setattr(load_part, "_is_lost", lambda end, *, accepted: False)


def only_the_first_part_stopped(patch: pytest.MonkeyPatch) -> None:
    def stop(self: StopLoadOfRun, run: ExperimentRun) -> ExperimentRun:
        first = run.load_parts[0]
        return self._take(run, first, self._stop_part(run, first))

    patch.setattr(StopLoadOfRun, "_stop", stop)


def a_part_not_answered_for_started_again(patch: pytest.MonkeyPatch) -> None:
    """As if an engine that gave no answer had certainly not taken its part."""
    take = StartLoadOfTask._take_answers

    def hopeful(self: StartLoadOfTask, run: ExperimentRun, answers: Mapping[str, Any]) -> None:
        taken = dict(answers)
        for name, (said, at) in answers.items():
            if isinstance(said, EngineAnswerLost):
                taken[name] = type(answers[name])(EngineUnavailable(said.message), at)
        take(self, run, taken)

    patch.setattr(StartLoadOfTask, "_take_answers", hopeful)


def two_parts_on_one_engine(patch: pytest.MonkeyPatch) -> None:
    choose = PlaceLoad._choose

    def narrow(self: PlaceLoad, uow: UnitOfWork, run: ExperimentRun, *more: Any) -> list[str] | None:
        chosen = choose(self, uow, run, *more)
        return None if chosen is None else [chosen[0]] * len(chosen)

    patch.setattr(PlaceLoad, "_choose", narrow)


def only_the_first_attempt_written_down(patch: pytest.MonkeyPatch) -> None:
    def attempt(self: ExperimentRun, now: datetime) -> None:
        self.parts_to_start[0].attempted_at = self.start_attempted_at = now

    patch.setattr(ExperimentRun, "attempt_start", attempt)


def only_the_first_part_asked_for_by_sweeps(patch: pytest.MonkeyPatch) -> None:
    known: Callable[[UnsettledRun], list[LoadAddress]] = vars(UnsettledRun)["known_loads"].fget
    patch.setattr(UnsettledRun, "known_loads", property(lambda self: known(self)[:1]))


def orphans_looked_for_on_one_engine(patch: pytest.MonkeyPatch) -> None:
    running = SweepFacts.running

    def nearby(self: SweepFacts) -> list[tuple[str, str, EngineRun]]:
        return [each for each in running(self) if each[1] == DEFAULT_ENGINE]

    patch.setattr(SweepFacts, "running", nearby)


def denials_of_all_engines_added_up(patch: pytest.MonkeyPatch) -> None:
    """One engine's 404s count for the others too."""
    learn = ExperimentRun.learn_all

    def suspicious(self: ExperimentRun, answers: Any, now: datetime, *, is_sweep: bool) -> None:
        learn(self, answers, now, is_sweep=is_sweep)
        for part in self.parts:
            part.missing_sweeps = max(each.missing_sweeps for each in self.parts)

    patch.setattr(ExperimentRun, "learn_all", suspicious)


def a_late_confirmation_told_to_nobody(patch: pytest.MonkeyPatch) -> None:
    """Whoever archives hears of a task's end alone, though its load was not known to be over then."""
    patch.setattr(ExperimentRun, "_outdate_results", lambda _self, _now: None)


MUTANTS: Mapping[str, Patch] = {
    patch.__name__: patch
    for patch in (
        without_compare_and_set,
        without_outbox,
        messages_removed_before_they_are_sent,
        messages_sent_once_and_never_again,
        attempt_not_written_before_the_start,
        a_lost_answer_taken_for_no_start,
        stopped_at_the_request,
        one_404_believed,
        old_404s_added_up,
        no_lease,
        a_lease_for_ever,
        the_engines_yes_to_a_stop_believed,
        an_early_end_not_remembered,
        a_start_without_a_strategy_not_kept,
        an_answer_that_is_forgotten,
        a_window_for_whoever_asks,
        an_abort_for_whoever_asks,
        a_transition_without_its_event,
        a_transition_without_its_audit,
        lost_workflows_not_noticed,
        stops_not_repeated,
        load_not_looked_for_by_name,
        a_full_list_believed,
        a_404_to_the_stop_believed,
        a_failed_stop_taken_off_the_queue,
        orphans_left_running,
        without_the_deadline,
        running_when_one_engine_took_its_part,
        stopped_when_one_engine_confirmed,
        a_stop_confirmed_by_one_engine,
        a_lost_part_not_noticed,
        only_the_first_part_stopped,
        a_part_not_answered_for_started_again,
        two_parts_on_one_engine,
        only_the_first_attempt_written_down,
        only_the_first_part_asked_for_by_sweeps,
        orphans_looked_for_on_one_engine,
        denials_of_all_engines_added_up,
        a_late_confirmation_told_to_nobody,
    )
}
