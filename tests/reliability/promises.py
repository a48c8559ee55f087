"""What is promised, looked at from outside: after each commit, and when the faults are over and the sweeps have run."""

import json
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

from tandem.adapters.database import tables
from tandem.domain.listed_loads import NAME_PREFIX
from tandem.domain.messages import EventName
from tandem.domain.task import TaskStatus

from tests.fakes.engine_traps import Call
from tests.fakes.trap_engine import TrapEngine
from tests.reliability.system import LIST_LIMIT, System

_GOING = {"PENDING", "RUNNING"}
_BEFORE_A_LOCK = timedelta(seconds=10)
"""Each process reads the clock before it waits for the row: moments may be the other way round than commits."""
_TASK, _RUN, _AUDIT, _OUTBOX = tables.task, tables.run, tables.audit, tables.outbox


class Promises:
    """Watches one system. ``broken`` says in words what was not kept."""

    def __init__(self, system: System) -> None:
        self.broken: list[str] = []
        self._system = system
        self._last_audit = 0
        system.check_commit = self._after_commit

    def demand(self, kept: bool, words: str) -> None:
        if not kept:
            self.broken.append(words)
            self._system.simulation.say(f"BROKEN: {words}")

    # --- at each commit ---------------------------------------------------------------------------------------------

    def _after_commit(self) -> None:
        rows = self._system.audit_after(self._last_audit) if self._system.commit_faults.audit_written else []
        self._system.commit_faults.audit_written = False
        for row in rows:
            self._last_audit = max(self._last_audit, row.id)
            if row.to_status == TaskStatus.STOPPED:
                self._stopped(row.task_id)
            if row.to_status is not None and "no longer knows this execution" in row.reason:
                self._forgotten(row.task_id)
        begun = [name for side in self._system.sides for _, name in side.engine._begun]
        for name, count in Counter(name for name in begun if name.startswith(NAME_PREFIX)).items():
            self.demand(count == 1, f"{count} loads were begun as {name!r}")
        swept = {process for side in self._system.sides for process in side.transport.sweeping}
        sweeping = [each for each in self._system.simulation.processes if each in swept]
        self.demand(len(sweeping) <= 1, "two sweeps at once")

    def _stopped(self, task_id: str) -> None:
        """STOPPED is written only when the engine has said that nothing runs, or never knew of a start."""
        for side in self._system.sides:
            engine = side.engine
            for execution_id in engine.runs_named(task_id):
                hidden = execution_id in engine._forgotten
                goes_on = execution_id in engine.running() and engine.word(execution_id) in _GOING
                self.demand(
                    hidden or not goes_on, f"{task_id} is STOPPED and the engine {side.name} runs {execution_id}"
                )

    def _forgotten(self, task_id: str) -> None:
        for side in self._system.sides:
            told = side.transport.not_found
            for execution_id in side.engine.runs_named(task_id):
                self.demand(
                    self._system.over_http or told.get(execution_id, 0) >= 3,
                    f"{task_id} was given up after {told.get(execution_id, 0)} answers of 404",
                )

    def check_owned(self) -> None:
        """Some sweeps after the faults: no load runs that no active task owns, unless the engine hides it from us."""
        self._check_faults()
        if self._system.simulation.now < self._system.late_until:
            return
        active = {row.task_id for row in self._system.rows(_TASK) if not TaskStatus(row.status).ended}
        for side in self._system.sides:
            if len(side.engine._runs) < LIST_LIMIT:
                self._check_owned_on(side.engine, active)

    def _check_owned_on(self, engine: TrapEngine, active: set[str]) -> None:
        names = {each: name for each, name in engine._begun if name.startswith(NAME_PREFIX)}
        for execution_id in (names.keys() & engine.running()) - set(engine._forgotten):
            if engine.word(execution_id) in _GOING and engine._runs[execution_id].test_name == names[execution_id]:
                owner = names[execution_id].removeprefix(NAME_PREFIX)
                self.demand(owner in active, f"nobody owns {execution_id}, and it still runs")

    def _check_faults(self) -> None:
        """No fault of ours goes on that is to be stopped; each began once, and only behind an open window."""
        runs = {row.task_id: row for row in self._system.rows(_RUN)}
        injections = self._system.fis.experiments
        self.demand(len({each.task_id for each in injections}) == len(injections), "two faults for one task")
        for each in injections:
            run = runs[each.task_id]
            self.demand(run.window_opened_at is not None, f"{each.injection_id} began without an open window")
            stopped = run.abort_requested_at is not None or run.finished_at is not None
            self.demand(not stopped or each.state.ended, f"{each.injection_id} goes on after an abort or an end")
            self.demand(
                run.injection_id in {None, each.injection_id},
                f"{run.experiment_task_id} knows another fault than its own",
            )

    # --- in the end -------------------------------------------------------------------------------------------------

    def check_in_the_end(self) -> None:
        """Everything that must be so when nothing goes wrong any more and enough time has passed."""
        system = self._system
        self._after_commit()
        self._check_faults()
        self.demand(not system.fis.running, f"faults go on: {[each.injection_id for each in system.fis.running]}")
        tasks = {row.task_id: row for row in system.rows(_TASK)}
        runs = system.rows(_RUN)
        running = system.our_loads()
        self.demand(not running, f"loads still run: {sorted(running)}")
        left = [(row.channel, row.topic) for row in system.rows(_OUTBOX)]
        self.demand(not left, f"messages were never sent: {left}")
        for execution in system.executions.values():
            self.demand(execution.status != "RUNNING", f"the execution {execution.arn} waits in {execution.state}")
        counted = Counter(row.experiment_task_id for row in tasks.values())
        self.demand(all(count == 1 for count in counted.values()), f"tasks for experiment tasks: {counted}")
        heard = self._heard()
        for row in runs:
            self.demand(row.settled == 1, f"the run {row.experiment_task_id} is not settled")
            if row.task_id is not None:
                self._check_story(tasks[row.task_id], heard)
                self._check_window(row, heard)
        self._check_accepted(runs, tasks)
        self._check_calm(runs, tasks)

    def _heard(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """What the platform heard, by task and kind, each event once."""
        heard: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for event in self._system.heard:
            known = heard[event.body["taskId"], event.name]
            if event.body not in known:
                known.append(dict(event.body))
        return heard

    def _check_story(self, task: Any, heard: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
        story = [
            (row.from_status, row.to_status)
            for row in self._system.rows(_AUDIT)
            if row.task_id == task.task_id and row.to_status is not None
        ]
        chain = [None, *(after for _, after in story)]
        self.demand(
            all(before == chain[index] for index, (before, _) in enumerate(story)) and chain[-1] == task.status,
            f"the story of {task.task_id} does not hang together: {story}, and it is {task.status}",
        )
        ends = [after for _, after in story if TaskStatus(after).ended]
        self.demand(len(ends) == 1, f"{task.task_id} has the ends {ends}")
        told = [(each["from"], each["to"]) for each in heard[task.task_id, EventName.TASK_STATE_CHANGED]]
        self.demand(sorted(map(str, told)) == sorted(map(str, story)), f"of {story} the platform heard {told}")
        self.demand(TaskStatus(task.status).ended, f"{task.task_id} is still {task.status}")

    def _check_window(self, run: Any, heard: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
        windows = heard[run.task_id, EventName.FAULT_WINDOW_OPEN]
        aborts = heard[run.task_id, EventName.EXPERIMENT_ABORT_REQUESTED]
        name = run.experiment_task_id
        self.demand(len(windows) <= 1, f"{name}: {len(windows)} windows")
        self.demand(len(aborts) <= 1, f"{name}: {len(aborts)} requests to abort")
        self.demand(len(windows) == int(run.window_opened_at is not None), f"{name}: the window was not delivered")
        self.demand(len(aborts) == int(run.abort_requested_at is not None), f"{name}: the abort was not delivered")
        if run.window_opened_at is not None and run.abort_requested_at is not None:
            self.demand(run.window_opened_at <= run.abort_requested_at, f"{name}: a window after the abort")
        for moment in (run.window_opened_at, run.abort_requested_at):
            self.demand(
                moment is None or run.finished_at is None or moment <= run.finished_at + _BEFORE_A_LOCK,
                f"{name}: word to the platform after the experiment had ended",
            )
        if run.finished_at is None:
            self.demand(bool(windows or aborts), f"{name}: the platform still waits")
        if windows and run.fault_at is not None and windows[0]["loadProven"]:
            self.demand(run.window_opened_at >= run.fault_at, f"{name}: the window opened before its moment")
        if aborts:
            # A fault of our own is aborted as well when nobody is left to lead it, however its load ended.
            well = {each.arn for each in self._system.executions.values() if each.status == "SUCCEEDED"}
            unled = run.experiment_id.startswith("fis:") and run.workflow_arn not in well
            self.demand(run.load_failure is not None or unled, f"{name}: an abort without a lost load")

    def _check_accepted(self, runs: list[Any], tasks: dict[str, Any]) -> None:
        """What was answered as done is still known."""
        finished = {row.experiment_task_id for row in runs if row.finished_at is not None}
        self.demand(self._system.finishes_taken <= finished, f"ends were forgotten; known are {sorted(finished)}")
        for row in runs:
            taken = self._system.stops_taken.get(row.experiment_task_id)
            if taken is not None and row.stop_requested_at is None:
                self.demand(
                    tasks[row.task_id].end_time <= taken, f"the user's stop of {row.experiment_task_id} was forgotten"
                )

    def _check_calm(self, runs: list[Any], tasks: dict[str, Any]) -> None:
        """Where nothing went wrong everything went well: the other promises do not hold by doing nothing.

        Not for loads so short, or faults so near, that a process which freezes for some seconds may miss them.
        """
        if not self._system.calm:
            return
        for row in runs:
            if row.task_id is None or row.finished_at is not None or row.stop_cause is not None:
                continue
            planned = json.loads(row.plan)["strategy"]
            if row.fault_at is None and planned["traffic_duration_sec"] >= planned["start_before_fault_sec"] + 30:
                self.demand(
                    row.window_load_proven is True and tasks[row.task_id].status == TaskStatus.SUCCEEDED,
                    f"{row.experiment_task_id}: nothing was wrong, and it is {tasks[row.task_id].status}"
                    f" (proven {row.window_load_proven}, {row.load_failure})",
                )


def coverage(system: System) -> Counter[str]:
    """What happened in a run, for the figures."""
    counted: Counter[str] = Counter()
    counted["cases"] = 1
    counted["effects"] = system.simulation.effects
    counted["kills"] = system.simulation.kills
    counted["commit faults"] = system.commit_faults.met
    for side in system.sides:
        counted["engine calls"] += len(side.engine.calls)
        counted["engine faults"] += sum(record.fault is not None for record in side.engine.calls)
        counted["loads begun"] += len(side.engine._begun)
        counted["stops asked of the engine"] += len(side.engine.calls_of(Call.STOP))
    for side in system.sides[1:]:
        counted["loads begun on a second engine"] += len(side.engine._begun)
    for row in system.rows(_TASK):
        counted[f"task {row.status}"] += 1
    for row in system.rows(_RUN):
        counted["windows with a proven load"] += row.window_load_proven is True
        counted["windows without"] += row.window_load_proven is False
        counted["aborts"] += row.abort_requested_at is not None
        counted["ended before its start"] += row.task_id is None
    for injection in system.fis.by_token.values():
        counted[f"fault {injection.state}"] += 1
    for execution in system.executions.values():
        counted[f"workflow {execution.status}"] += 1
    return counted
