"""The 30-second sync: one sweep over everything that is not settled, in a constant number of statements.

Reads, then asks the engine with no transaction open, then writes what changed. A sweep that dies on the way has lost
nothing: the next one reads the same rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tandem.domain.clock import Clock, Ids
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import AppError, EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.load_engine import EngineRun, LoadEngine, StatusAnswer, lists_everything
from tandem.domain.ports import Database, Ticks, UnitOfWork, Workflows
from tandem.services.deliver_messages import DeliverMessages
from tandem.services.start_load import NAME_PREFIX, find_run
from tandem.telemetry import LogEvent, log, warn

LEASE = "sync"


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep did. ``engine_silent``: loads about which the engine gave no usable answer; ``seconds``: how long
    it took.
    """

    looked_at: int = 0
    changed: int = 0
    engine_silent: int = 0
    delivered: int = 0
    seconds: float = 0
    skipped: bool = False


class SyncTasks:
    """One sweep at a time; a second caller is told that it was skipped."""

    def __init__(
        self,
        database: Database,
        engine: LoadEngine,
        workflows: Workflows,
        deliver: DeliverMessages,
        ticks: Ticks,
        clock: Clock,
        ids: Ids,
        limits: Limits,
    ) -> None:
        self._database = database
        self._engine = engine
        self._workflows = workflows
        self._deliver = deliver
        self._ticks = ticks
        self._clock = clock
        self._ids = ids
        self._limits = limits

    def __call__(self, *, extra: bool = False) -> SweepReport:
        """Sweep once. An ``extra`` turn asks for no further ones. Raises DatabaseUnavailable."""
        holder, now = self._ids.new(""), self._clock.now()
        until = now + timedelta(seconds=self._limits.sweep_lease)
        if not self._database.write(lambda uow: uow.leases.acquire(LEASE, holder, now, until)):
            log(LogEvent.SWEEP_SKIPPED)
            return SweepReport(skipped=True)
        done = False
        try:
            report = self._sweep(extra=extra)
            done = True
        finally:
            ended = self._clock.now()
            self._database.write(lambda uow: uow.leases.release(LEASE, holder, ended, done=done))
        report = replace(report, seconds=(ended - now).total_seconds())
        log(
            LogEvent.SWEEP_DONE,
            looked_at=report.looked_at,
            changed=report.changed,
            engine_silent=report.engine_silent,
            delivered=report.delivered,
            seconds=report.seconds,
        )
        return report

    def _sweep(self, *, extra: bool) -> SweepReport:
        runs = self._database.read(lambda uow: uow.runs.unsettled(self._limits.sweep_batch))
        if not extra and any(run.watched_closely for run in runs):
            self._ticks.soon()
        facts = self._ask(runs)
        changed = self._apply([run for run in runs if facts.concern(run)], facts) if runs else 0
        self._stop_orphans(facts)
        return SweepReport(len(runs), changed, facts.silent, self._deliver())

    def _ask(self, runs: Sequence[ExperimentRun]) -> "SweepFacts":
        known = [run.task.execution_id for run in runs if run.task is not None and run.task.execution_id is not None]
        answers = self._engine.statuses(known, self._limits.sweep_budget) if known else {}
        try:
            listed: Sequence[EngineRun] | None = self._engine.list_runs()
        except EngineError as trouble:
            warn(LogEvent.ENGINE_TROUBLE, reason=trouble.message)
            listed = None
        now = self._clock.now()
        led = self._running_workflows(runs, now)
        silent = sum(isinstance(answer, EngineError) for answer in answers.values())
        return SweepFacts(now, answers, listed, led, silent, self._limits)

    def _running_workflows(self, runs: Sequence[ExperimentRun], now: datetime) -> set[str] | None:
        """Which of the workflows that should be under way are; None when nobody can tell."""
        young = now - timedelta(seconds=self._limits.workflow_lost)
        waiting = [run.workflow_arn for run in runs if run.window_undecided and run.created_at < young]
        names = [arn for arn in waiting if arn is not None]
        if not names:
            return set()
        try:
            return self._workflows.running(names)
        except AppError as trouble:
            warn(LogEvent.ENGINE_TROUBLE, reason=trouble.message)
            return None

    def _apply(self, runs: Sequence[ExperimentRun], facts: "SweepFacts") -> int:
        """Change the rows again under lock: somebody may have been faster since they were read."""
        task_ids = [run.task.task_id for run in runs if run.task is not None]

        def work(uow: UnitOfWork) -> int:
            locked = uow.runs.lock_by_task_ids(task_ids)
            changed = [run for run in locked if facts.apply(run)]
            uow.runs.save(changed)
            return len(changed)

        return self._database.write(work) if task_ids else 0

    def _stop_orphans(self, facts: "SweepFacts") -> None:
        """A load of ours that runs on the engine while its task has ended is stopped, however it came to be there."""
        running = {
            run.test_name.removeprefix(NAME_PREFIX): run
            for run in facts.listed or ()
            if not run.status.is_ended and run.test_name is not None and run.test_name.startswith(NAME_PREFIX)
        }
        if not running:
            return

        def work(uow: UnitOfWork) -> list[str]:
            orphans = [
                run
                for run in uow.runs.lock_by_task_ids(sorted(running))
                if run.started_task.status.ended and not run.stop_pending
            ]
            for run in orphans:
                engine_run = running[run.started_task.task_id]
                run.find_alive(engine_run, facts.now)
            uow.runs.save(orphans)
            return [run.started_task.task_id for run in orphans]

        for task_id in self._database.write(work):
            warn(LogEvent.ORPHAN_FOUND, task_id=task_id)


@dataclass(frozen=True, slots=True)
class SweepFacts:
    """What one sweep learned from outside, and what that means for a run."""

    now: datetime
    answers: Mapping[str, StatusAnswer]
    listed: Sequence[EngineRun] | None
    led: set[str] | None
    silent: int
    limits: Limits

    def concern(self, run: ExperimentRun) -> bool:
        """Whether this run may have to change; most loads just run on."""
        task = run.task
        if task is None:
            return False
        answer = self.answers.get(task.execution_id or "")
        goes_on = isinstance(answer, EngineError) or (
            isinstance(answer, EngineRun) and not answer.status.is_ended and run.missing_sweeps == 0
        )
        return not goes_on or run.stop_pending or self._deadline_passed(run) or self._leaderless(run)

    def apply(self, run: ExperimentRun) -> bool:
        """Change a run, read anew, by what was learned; False when there is nothing to write."""
        task = run.started_task
        before = (run.missing_sweeps, run.stop_confirmed_at)
        if task.execution_id is None:
            self._settle_unstarted(run)
        elif task.execution_id in self.answers:
            run.learn(self.answers[task.execution_id], self.now, is_sweep=True)
        if self._deadline_passed(run):
            run.pass_deadline(self.now)
        if self._leaderless(run):
            run.lose_workflow("the workflow of this experiment is gone", self.now)
        if run.stop_pending and not run.messages:
            run.ask_for_stop()
        # A count of 404s that a good answer ended must be written too, or 404s far apart would add up.
        after = (run.missing_sweeps, run.stop_confirmed_at)
        return bool(run.audit or run.messages) or before != after

    def _settle_unstarted(self, run: ExperimentRun) -> None:
        """Adopt a load whose start answer was lost; fail what never started and has no workflow to say so."""
        found = self._listed_for(run)
        if found is not None and not found.status.is_ended:
            run.accept_load(found, self.limits.grace, self.now)
            return
        first = run.start_first_tried_at
        overdue = timedelta(seconds=self.limits.start + self.limits.start_settles)
        if self.listed is not None and first is not None and self.now - first > overdue:
            run.fail_load(StopReason.LOAD_LOST, "the load never started", self.now)
            if run.surely_absent(self.now, self.limits, all_listed=lists_everything(self.listed)):
                run.confirm_nothing_runs(self.now)

    def _listed_for(self, run: ExperimentRun) -> EngineRun | None:
        return find_run(self.listed or (), run.started_task.task_id)

    def _deadline_passed(self, run: ExperimentRun) -> bool:
        active = run.task is not None and not run.task.status.ended
        return active and run.deadline is not None and self.now >= run.deadline

    def _leaderless(self, run: ExperimentRun) -> bool:
        old = run.created_at < self.now - timedelta(seconds=self.limits.workflow_lost)
        led = self.led is None or run.workflow_arn is None or run.workflow_arn in self.led
        return run.window_undecided and old and not led
