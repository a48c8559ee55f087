"""The 30-second sync: one sweep over everything that is not settled, in a constant number of statements.

Reads, then asks the engine with no transaction open, then writes what changed. A sweep that dies on the way has lost
nothing: the next one reads the same rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tandem.domain.clock import Clock, Ids
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import AppError
from tandem.domain.limits import Limits
from tandem.domain.ports import Database, Ticks, UnitOfWork, Workflows
from tandem.domain.sweep_shard import SweepShard
from tandem.domain.unsettled_run import UnsettledRun
from tandem.services.deliver_messages import DeliverMessages
from tandem.services.sweep_facts import SweepFacts
from tandem.telemetry import LogEvent, log, warn

LEASE = "sync"

CHANGED_AT_ONCE = 1_000
"""How many runs are locked, changed and written in one transaction, each in one statement."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep did. ``engine_silent``: loads about which the engine gave no usable answer; ``seconds``: how long
    it took; ``shards``: into how many parts it was split, which then do the work.
    """

    looked_at: int = 0
    changed: int = 0
    engine_silent: int = 0
    delivered: int = 0
    shards: int = 0
    seconds: float = 0
    skipped: bool = False


class SyncTasks:
    """One sweep at a time; a second caller is told that it was skipped."""

    def __init__(
        self,
        database: Database,
        engines: LoadEngines,
        workflows: Workflows,
        deliver: DeliverMessages,
        ticks: Ticks,
        watch_injections: Callable[[Sequence[UnsettledRun]], None],
        clock: Clock,
        ids: Ids,
        limits: Limits,
    ) -> None:
        self._database = database
        self._engines = engines
        self._workflows = workflows
        self._deliver = deliver
        self._ticks = ticks
        self._watch_injections = watch_injections
        self._clock = clock
        self._ids = ids
        self._limits = limits

    def __call__(self, *, extra: bool = False) -> SweepReport:
        """Sweep once, or split what one sweep does not look at in its time. An ``extra`` turn asks for no further ones.

        Raises DatabaseUnavailable.
        """
        return self._under_lease(LEASE, None, extra=extra)

    def shard(self, shard: SweepShard) -> SweepReport:
        """Sweep one part of a sweep that was split. Raises DatabaseUnavailable."""
        if self._clock.now() - shard.planned_at > timedelta(seconds=self._limits.shard_fresh):
            # The next turn's part is near, and two turns in a row would count one 404 twice.
            log(LogEvent.SWEEP_SKIPPED, lease=shard.lease)
            return SweepReport(skipped=True)
        return self._under_lease(shard.lease, shard, extra=True)

    def _under_lease(self, lease: str, shard: SweepShard | None, *, extra: bool) -> SweepReport:
        holder, now = self._ids.new(""), self._clock.now()
        until = now + timedelta(seconds=self._limits.sweep_lease)

        def take(uow: UnitOfWork) -> list[UnsettledRun] | None:
            if not uow.leases.acquire(lease, holder, now, until):
                return None
            return uow.runs.unsettled(self._limits.sweep_batch + 1, shard)

        runs = self._database.write(take)
        if runs is None:
            log(LogEvent.SWEEP_SKIPPED, lease=lease)
            return SweepReport(skipped=True)
        done = False
        try:
            report = self._sweep(runs, shard, extra=extra)
            done = True
        finally:
            ended = self._clock.now()
            self._database.write(lambda uow: uow.leases.release(lease, holder, ended, done=done))
        report = replace(report, seconds=(ended - now).total_seconds())
        log(
            LogEvent.SWEEP_DONE,
            lease=lease,
            shards=report.shards,
            looked_at=report.looked_at,
            changed=report.changed,
            engine_silent=report.engine_silent,
            delivered=report.delivered,
            seconds=report.seconds,
        )
        return report

    def _sweep(self, runs: Sequence[UnsettledRun], shard: SweepShard | None, *, extra: bool) -> SweepReport:
        if not extra and any(run.watched_closely for run in runs):
            self._ticks.soon()
        if shard is None and len(runs) > self._limits.sweep_batch:
            shards = self._split()
            if self._ticks.split(shards):
                return SweepReport(shards=len(shards))
        # What does not fit is the youngest; it is looked at as soon as there is room, or by parts that were sent.
        runs = runs[: self._limits.sweep_batch]
        facts = self._ask(runs)
        changed = 0
        concerned = [run.task_id for run in runs if facts.concern(run)]
        for first in range(0, len(concerned), CHANGED_AT_ONCE):
            changed += self._apply(concerned[first : first + CHANGED_AT_ONCE], facts)
        if shard is None or shard.leads:
            self._stop_orphans(facts)
        self._watch_injections(runs)
        return SweepReport(len(runs), changed, facts.silent, self._deliver())

    def _split(self) -> list[SweepShard]:
        active = self._database.read(lambda uow: uow.runs.count_unsettled())
        shards = SweepShard.split(active, self._limits.sweep_batch, self._clock.now())
        log(LogEvent.SWEEP_SPLIT, active=active, shards=len(shards))
        return shards

    def _ask(self, runs: Sequence[UnsettledRun]) -> SweepFacts:
        known: dict[str, list[str]] = {}
        for run in runs:
            for engine, execution_id in run.known_loads:
                known.setdefault(engine, []).append(execution_id)
        surveys = self._engines.survey(known, self._limits.sweep_budget)
        now = self._clock.now()
        before = {run.task_id: run for run in runs}
        return SweepFacts(now, surveys, self._running_workflows(runs, now), self._limits, before)

    def _running_workflows(self, runs: Sequence[UnsettledRun], now: datetime) -> set[str] | None:
        """Which of the workflows that should be under way are; None when nobody can tell."""
        young = now - timedelta(seconds=self._limits.workflow_lost)
        waiting = [run.workflow_arn for run in runs if run.needs_workflow and run.created_at < young]
        names = [arn for arn in waiting if arn is not None]
        if not names:
            return set()
        try:
            return self._workflows.running(names)
        except AppError as trouble:
            warn(LogEvent.ENGINE_TROUBLE, reason=trouble.message)
            return None

    def _apply(self, task_ids: Sequence[str], facts: SweepFacts) -> int:
        """Change the rows again under lock: somebody may have been faster since they were read."""

        def work(uow: UnitOfWork) -> int:
            changed = [run for run in uow.runs.lock_by_task_ids(task_ids) if facts.apply(run)]
            uow.runs.save(changed)
            return len(changed)

        return self._database.write(work)

    def _stop_orphans(self, facts: SweepFacts) -> None:
        """A load of ours that runs on an engine while its task has ended is stopped, however it came to be there."""
        running = facts.running()
        strangers = sorted({task_id for task_id, _, _ in running if task_id not in facts.before})
        if strangers:
            # No lock for them yet: most are loads that began after the runs were read, and others are at work there.
            strangers = self._database.read(lambda uow: uow.runs.settled_among(strangers))
        # By what was read before the engines were asked: what was over then and is told to run does run.
        suspects = [
            each
            for each in running
            if (facts.before[each[0]].given_up_on(each[1]) if each[0] in facts.before else each[0] in strangers)
        ]
        if not suspects:
            return

        def work(uow: UnitOfWork) -> list[str]:
            orphans = []
            for run in uow.runs.lock_by_task_ids(sorted({task_id for task_id, _, _ in suspects})):
                mine = [(name, alive) for task_id, name, alive in suspects if task_id == run.started_task.task_id]
                found = [(name, alive) for name, alive in mine if run.given_up_on(name)]
                # A load on one engine has one address: should there be two, the next sweep finds the other.
                for name, alive in found if run.parts else found[:1]:
                    run.find_alive(alive, name, facts.now)
                if found:
                    orphans.append(run)
            uow.runs.save(orphans)
            return [run.started_task.task_id for run in orphans]

        for task_id in self._database.write(work):
            warn(LogEvent.ORPHAN_FOUND, task_id=task_id)
