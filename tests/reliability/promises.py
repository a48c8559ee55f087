"""What is promised, looked at from outside: after each commit, and when the faults are over and the sweeps have run."""

import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tandem.adapters.database import tables
from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.listed_loads import NAME_PREFIX
from tandem.domain.messages import EventName
from tandem.domain.task import TaskStatus

from tests.fakes.engine_traps import Call, FaultKind
from tests.fakes.trap_engine import TrapEngine
from tests.reliability.system import LIST_LIMIT, Side, System

NO_TASK = ""
_GOING = {"PENDING", "RUNNING"}
_BEFORE_A_LOCK = timedelta(seconds=10)
"""Each process reads the clock before it waits for the row: moments may be the other way round than commits."""
_TASK, _RUN, _AUDIT, _OUTBOX = tables.task, tables.run, tables.audit, tables.outbox


class Asked(NamedTuple):
    """What a task's load is to be: on how many engines, and with how many threads in all."""

    engines: int
    threads: int


class Promises:
    """Watches one system. ``broken`` says in words what was not kept."""

    def __init__(self, system: System) -> None:
        self.broken: list[str] = []
        self._system = system
        self._last_audit = 0
        self._asked: dict[str, Asked] = {}
        self._over: set[tuple[str, str]] = set()
        system.check_commit = self._after_commit

    def demand(self, kept: bool, words: str) -> None:
        if not kept:
            self.broken.append(words)
            self._system.simulation.say(f"BROKEN: {words}")

    # --- at each commit ---------------------------------------------------------------------------------------------

    def _after_commit(self) -> None:
        faults = self._system.commit_faults
        rows = self._system.audit_after(self._last_audit) if faults.audit_written else []
        runs = self._system.rows(_RUN) if faults.runs_written or rows else []
        faults.audit_written = faults.runs_written = False
        for run in runs:
            self._learn_plan(run)
            self._check_over(run)
        for row in rows:
            self._last_audit = max(self._last_audit, row.id)
            if row.to_status == TaskStatus.RUNNING:
                self._check_running(row.task_id)
            if row.to_status == TaskStatus.STOPPED:
                self._check_nothing_runs(row.task_id, "it is STOPPED")
            if row.to_status is not None and "no longer knows this execution" in row.reason:
                self._forgotten(row.task_id, row.reason)
        self._check_begun()
        swept = {process for side in self._system.sides for process in side.transport.sweeping}
        sweeping = [each for each in self._system.simulation.processes if each in swept]
        self.demand(len(sweeping) <= 1, "two sweeps at once")

    def _learn_plan(self, run: Any) -> None:
        if run.task_id is not None and run.task_id not in self._asked:
            plan = json.loads(run.plan)
            threads = plan["definition"]["threads"]
            self._asked[run.task_id] = Asked(min(plan["strategy"]["engines"], threads), threads)

    def _check_begun(self) -> None:
        """Of a task at most one load on each engine, and never on more engines than its strategy asks for."""
        everywhere: Counter[str] = Counter()
        for side in self._system.sides:
            begun = Counter(name for _, name in side.engine._begun if name.startswith(NAME_PREFIX))
            everywhere.update(begun.keys())
            for name, count in begun.items():
                self.demand(count == 1, f"{count} loads were begun as {name!r} on the engine {side.name}")
        for name, count in everywhere.items():
            if count > 1:
                asked = self._asked.get(name.removeprefix(NAME_PREFIX), Asked(1, 1)).engines
                self.demand(count <= asked, f"loads were begun as {name!r} on {count} engines instead of {asked}")

    def _check_running(self, task_id: str) -> None:
        """RUNNING is written only when as many engines as were asked for have begun all threads between them."""
        if any(_lied_about_a_start(side) for side in self._system.sides):
            return
        asked = self._asked[task_id]
        threads = [
            load.threads
            for side in self._system.sides
            for key, load in [*side.engine._runs.items(), *side.engine._forgotten.items()]
            if key in side.engine.runs_named(task_id)
        ]
        self.demand(
            (len(threads), sum(threads)) == asked, f"{task_id} is RUNNING with {threads} threads instead of {asked}"
        )

    def _check_over(self, run: Any) -> None:
        """Whatever is written to be over does not run: a part, a load whose stop is confirmed, all of a settled run."""
        if run.task_id is None:
            return
        whole = {DEFAULT_ENGINE if run.engine is None else run.engine: run.stop_confirmed_at is not None}
        over = {part["engine"]: "over_at" in part for part in _parts(run)} or whole
        everywhere = run.settled == 1
        for side in self._system.sides:
            where = (run.task_id, side.name)
            if not over.get(side.name, False) and not everywhere:
                self._over.discard(where)
            elif where not in self._over:
                self._over.add(where)
                self._check_nothing_runs_on(side, run.task_id, "it is settled" if everywhere else "its part is over")

    def _check_nothing_runs(self, task_id: str, because: str) -> None:
        for side in self._system.sides:
            self._check_nothing_runs_on(side, task_id, because)

    def _check_nothing_runs_on(self, side: Side, task_id: str, because: str) -> None:
        """Such is written only when the engine has said that nothing runs, or never knew of a start."""
        engine = side.engine
        for execution_id in engine.runs_named(task_id):
            hidden = execution_id in engine._forgotten
            goes_on = execution_id in engine.running() and engine.word(execution_id) in _GOING
            self.demand(hidden or not goes_on, f"{task_id}: {because}, and the engine {side.name} runs {execution_id}")

    def _forgotten(self, task_id: str, reason: str) -> None:
        """Of a load in parts the reason names the engine that denied its own."""
        for side in self._system.sides:
            if "(engine " in reason and f"(engine {side.name})" not in reason:
                continue
            told = side.transport.not_found
            for execution_id in side.engine.runs_named(task_id):
                self.demand(
                    self._system.over_http or told.get(execution_id, 0) >= 3,
                    f"{task_id} was given up after {told.get(execution_id, 0)} answers of 404",
                )

    def check_owned(self) -> None:
        """Some sweeps after the faults: no load runs that no active task owns and nobody wants to be stopped, unless
        the engine hides it from us.
        """
        self._check_faults()
        if self._system.simulation.now < self._system.late_until:
            return
        ended = {row.task_id for row in self._system.rows(_TASK) if TaskStatus(row.status).ended}
        active = {row.task_id for row in self._system.rows(_RUN) if row.stop_requested_at is None} - ended
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
                self._check_parts(row, tasks[row.task_id])
                self._check_window(row, heard)
                self._check_results_told(row, heard)
        self._check_announced(runs, heard)
        self._check_accepted(runs, tasks)
        self._check_calm(runs, tasks)

    def _check_announced(self, runs: list[Any], heard: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
        """Each experiment whose start was taken has a task, or an entry that says why not; one word goes out for it."""
        entries = {row.experiment_task_id: row for row in self._system.rows(tables.announcement)}
        with_task = {row.experiment_task_id for row in runs if row.task_id is not None}
        led = {each.given["experimentTaskId"] for each in self._system.executions.values()}
        for name in self._system.starts_taken - with_task - led:
            self.demand(name in entries, f"{name} was announced, and nothing tells why it has no load")
        windows = Counter(each["experimentTaskId"] for each in heard[NO_TASK, EventName.FAULT_WINDOW_OPEN])
        answered = {name for name, row in entries.items() if row.answered_at is not None}
        self.demand(windows == Counter(answered), f"answered without a load: {answered}, and heard {windows}")
        self.demand(not answered & with_task, f"a window without a load, and a load: {answered & with_task}")
        if self._system.answers_without_strategy:
            unanswered = {name for name, row in entries.items() if row.code == "NO_ENABLED_STRATEGY"} - answered
            self.demand(not unanswered, f"the platform waits for an answer: {unanswered}")

    def _heard(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """What the platform heard, by task and kind, each event once."""
        heard: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for event in self._system.heard:
            known = heard[event.body["taskId"] or NO_TASK, event.name]
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

    def _check_results_told(self, run: Any, heard: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
        """Whoever archives ended runs hears of each when its load is confirmed to be over: results may grow before."""
        changes = [each for each in heard[run.task_id, EventName.TASK_STATE_CHANGED] if TaskStatus(each["to"]).ended]
        said = [each["at"] for each in (*changes, *heard[run.task_id, EventName.RESULTS_OUTDATED])]
        confirmed = run.stop_confirmed_at
        self.demand(
            confirmed is None or any(datetime.fromisoformat(at) >= confirmed for at in said),
            f"{run.task_id}: nobody heard that its results are final",
        )

    def _check_parts(self, run: Any, task: Any) -> None:
        """What is remembered of a load's parts is what their engines did, and no part was lost unnoticed."""
        asked, parts = self._asked[run.task_id], _parts(run)
        engines = [part["engine"] for part in parts]
        self.demand(len(set(engines)) == len(engines), f"{run.task_id}: two parts on one engine: {engines}")
        self.demand(run.engines == (len(parts) or None), f"{run.task_id}: {run.engines} engines of {len(parts)} parts")
        # A part that was found alive where none was known has no threads of its own.
        planned = [part["threads"] for part in parts if part["threads"]]
        if parts:
            self.demand(
                (len(planned), sum(planned)) == asked, f"{run.task_id} is divided into {planned} instead of {asked}"
            )
        sides = {side.name: side for side in self._system.sides}
        for part in parts:
            name, known = part["engine"], part.get("execution_id")
            self.demand("over_at" in part or "attempted_at" not in part, f"{run.task_id}: nobody knows of {part}")
            if known is not None and not _lied_about_a_start(sides[name]):
                engine = sides[name].engine
                self.demand(known in engine.runs_named(run.task_id), f"{run.task_id}: {name} never ran {known}")
                load = {**engine._forgotten, **engine._runs}[known]
                self.demand(load.threads == part["threads"] or not part["threads"], f"{run.task_id}: {part} differs")
        if task.status == TaskStatus.SUCCEEDED:
            for side in self._system.sides:
                words = [side.engine.word(each) for each in side.engine.runs_named(run.task_id)]
                self.demand("FAILED" not in words, f"{run.task_id} SUCCEEDED and on {side.name} it FAILED")

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


def _lied_about_a_start(side: Side) -> bool:
    """Whether the engine called a load its own that it never began."""
    return any(record.fault is FaultKind.OTHER_RUN for record in side.engine.calls_of(Call.START))


def _parts(run: Any) -> list[dict[str, Any]]:
    """The parts of a load on several engines as they are written; none of a load on one."""
    return [] if run.parts is None else list(json.loads(run.parts))


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
    runs = system.rows(_RUN)
    counted["lives with loads in parts"] += any(row.parts is not None for row in runs)
    for row in runs:
        counted["windows with a proven load"] += row.window_load_proven is True
        counted["windows without"] += row.window_load_proven is False
        counted["aborts"] += row.abort_requested_at is not None
        counted["ended before its start"] += row.task_id is None
        if row.parts is not None:
            counted["loads in parts"] += 1
            counted["loads in parts that ran"] += row.load_accepted_at is not None
            taken = sum("execution_id" in part for part in _parts(row))
            counted["loads in parts of which not all engines took theirs"] += 0 < taken < len(_parts(row))
            counted["loads in parts that were lost"] += row.load_failure is not None
    for injection in system.fis.by_token.values():
        counted[f"fault {injection.state}"] += 1
    for execution in system.executions.values():
        counted[f"workflow {execution.status}"] += 1
    return counted
