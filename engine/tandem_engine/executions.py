"""All executions of one data root: starting, finding and stopping them, and finding them again after a restart."""

import logging
import secrets
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from tandem_engine.command_line import DASHBOARD_MARKER, RUN_MARKER
from tandem_engine.containment import NOT_CONTAINED, Containment, kill_all_of
from tandem_engine.dashboards import DashboardBuilder
from tandem_engine.data_root import DataRoot
from tandem_engine.execution import (
    STATE_FILE,
    Dashboard,
    EndCause,
    Execution,
    ExecutionFiles,
    UnreadableState,
    load_execution,
)
from tandem_engine.execution_request import ExecutionRequest, FileBeside
from tandem_engine.faults import BadArgument, Broken, Full, Unknown
from tandem_engine.jmeter_home import JMeter
from tandem_engine.moments import file_stamp, now_ms
from tandem_engine.plan import MAX_PLAN_BYTES, NotATestPlan
from tandem_engine.plan_groups import thread_groups_of
from tandem_engine.processes import (
    JMeterProcess,
    ProcessIdentity,
    command_lines,
    identity_of,
    is_running,
    leads_session,
)
from tandem_engine.run import Run
from tandem_engine.run_time_plan import RunTimePlan, make_run_time_plan
from tandem_engine.settings import Settings
from tandem_engine.stop_sequence import free_stop_port
from tandem_engine.work_directory import delete_orphans, fill, remove

_log = logging.getLogger(__name__)

_RETRY_AFTER: Final = 5
_SHUTDOWN_LIMIT: Final = 20.0
_CLOSING_LIMIT: Final = 60.0
_SIGKILL: Final = signal.SIGKILL
_LISTED: Final = 500


class Executions:
    """The registry. Its methods may be called from any thread; start and shutdown block."""

    def __init__(
        self, root: DataRoot, jmeter: JMeter, settings: Settings, containment: Containment = NOT_CONTAINED
    ) -> None:
        self._root = root
        self._containment = containment
        self._jmeter = jmeter
        self._settings = settings
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._closing = False
        self._dashboards = DashboardBuilder(root, jmeter, settings)

    def recover(self) -> None:
        """Remember what earlier engines ran here, take over what is alive, close what died. Raises OSError."""
        alive, dashboards = self._find_processes()
        for abandoned in dashboards:
            JMeterProcess.adopt(abandoned).signal(_SIGKILL)
        (self._root.cache / "preferences").mkdir(exist_ok=True)
        delete_orphans(self._root)
        self._dashboards.start()
        for execution in self._load():
            run = self._make_run(execution)
            self._runs[execution.execution_id] = run
            identity = alive.pop(execution.execution_id, None)
            if execution.status.is_final:
                if identity is not None:
                    self._kill(identity, execution.execution_id)
                if execution.dashboard is Dashboard.PENDING:
                    self._dashboards.add(run)
            elif execution.process is not None and is_running(execution.process):
                run.adopt(JMeterProcess.adopt(execution.process, execution.user))
            elif identity is not None:
                run.adopt(JMeterProcess.adopt(identity, execution.user))
            else:
                if execution.user is not None:
                    kill_all_of(execution.user)
                run.close_dead()
        for execution_id, ownerless in alive.items():
            self._kill(ownerless, execution_id)
        self._remove_left_work()

    def start(self, request: ExecutionRequest) -> Run:
        """Start a run. Raises BadArgument, Full, Broken, OSError; then nothing of it is left."""
        plan = self._root.find_file("testPlanPath", request.test_plan_path)
        files = [
            (file, self._root.find_file(f"files.{index}.path", file.path)) for index, file in enumerate(request.files)
        ]
        try:
            return self._start(request, plan, files)
        finally:
            # Whoever sends files for one run sends them again with the next start, whatever became of this one.
            for upload in (plan, *(source for _, source in files)):
                if upload.parent == self._root.once:
                    upload.unlink(missing_ok=True)
            delete_orphans(self._root)

    def _start(self, request: ExecutionRequest, plan: Path, files: list[tuple[FileBeside, Path]]) -> Run:
        run_time_plan = self._read_plan(plan, request)
        run = self._reserve(request, run_time_plan, thread_groups_of(run_time_plan.content))
        work = run.work
        try:
            run.files.directory.mkdir(parents=True)
            run.files.save(run.execution)
            run.files.append_event("CREATED", f"plan {request.test_plan_path}, {request.threads} threads")
            for note in run_time_plan.notes:
                run.files.append_event("OVERRIDDEN", note)
            fill(work, plan, files, self._root)
            copy = work / f".{run.execution.execution_id}.run.jmx"
            copy.write_bytes(run_time_plan.content)
            run.launch(self._jmeter, copy, self._root.cache / "preferences")
        except BaseException as error:
            self._forget(run)
            if isinstance(error, OSError):
                raise Broken(f"JMeter could not be started: {error}") from error
            raise
        return run

    def find(self, execution_id: str) -> Run:
        """The run with this id. Raises Unknown."""
        run = self._runs.get(execution_id)
        if run is None:
            raise Unknown(f"there is no execution {execution_id[:100]}")
        return run

    def stop(self, execution_id: str) -> Run:
        """Ask a run to stop; ``done`` of the answer says when it has. Raises BadArgument when unknown or ended."""
        run = self._runs.get(execution_id)
        if run is None:
            raise BadArgument(f"there is no execution {execution_id[:100]} to stop")
        if not run.ask_to_end(EndCause.REQUESTED):
            # Its last records may still be read: who is told that it has ended shall find it ended.
            run.done.result(_CLOSING_LIMIT)
            raise BadArgument(f"execution {execution_id} has already ended")
        return run

    def delete(self, execution_id: str) -> None:
        """Delete what an ended run left: results, log, events, dashboard. Raises Unknown, BadArgument, OSError.

        What is interrupted here is still known after a restart, and can be deleted then: the state goes last.
        """
        run = self.find(execution_id)
        if not run.done.done():
            raise BadArgument(f"execution {execution_id} has not ended")
        if run.execution.dashboard is Dashboard.PENDING:
            raise BadArgument(f"the dashboard of execution {execution_id} is being built")
        run.remove_work()
        run.files.delete()
        with self._lock:
            self._runs.pop(execution_id, None)
        _log.info("execution deleted", extra={"execution_id": execution_id})

    def newest(self) -> list[Run]:
        """At most 500 runs, newest first."""
        with self._lock:
            runs = list(self._runs.values())
        return sorted(runs, key=lambda run: run.execution.created)[: -_LISTED - 1 : -1]

    def running(self) -> int:
        """How many runs have not ended."""
        with self._lock:
            return self._running()

    def begin_shutdown(self) -> None:
        """Take no more runs and begin to end those that live."""
        with self._lock:
            self._closing = True
            runs = list(self._runs.values())
        for run in runs:
            if not run.done.done():
                run.ask_to_end(EndCause.SHUTDOWN)

    def hurry(self) -> None:
        """Make a shutdown quick and hard: signals for the runs, no dashboards."""
        self.begin_shutdown()
        self._dashboards.hurry()
        for run in list(self._runs.values()):
            run.hurry()

    def finish_shutdown(self) -> None:
        """Wait, for a bounded time, until no run lives; then end the building of dashboards."""
        deadline = time.monotonic() + _SHUTDOWN_LIMIT
        for run in list(self._runs.values()):
            try:
                run.done.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                _log.error("run did not end", extra={"execution_id": run.execution.execution_id})
        self._dashboards.close(self._settings.shutdown_report_wait)

    def _running(self) -> int:
        return sum(1 for run in self._runs.values() if not run.done.done())

    def _read_plan(self, plan: Path, request: ExecutionRequest) -> RunTimePlan:
        with plan.open("rb") as file:
            content = file.read(MAX_PLAN_BYTES + 1)
        try:
            return make_run_time_plan(content, request)
        except NotATestPlan as error:
            raise BadArgument(f"testPlanPath is no JMeter test plan: {error}") from error

    def _reserve(self, request: ExecutionRequest, plan: RunTimePlan, groups: list[list[str]]) -> Run:
        with self._lock:
            if self._closing:
                raise Full("the engine is shutting down", _RETRY_AFTER)
            if self._running() >= self._settings.max_runs:
                raise Full(f"the engine already runs its {self._settings.max_runs} executions", _RETRY_AFTER)
            execution_id = secrets.token_hex(4)
            while execution_id in self._runs:
                execution_id = secrets.token_hex(4)
            created = now_ms()
            run = self._make_run(
                Execution(
                    execution_id=execution_id,
                    # A plan could know the moment and the id, which are not all of it.
                    directory_name=f"{file_stamp(created)}_{secrets.token_hex(8)}_{execution_id}",
                    request=replace(request),
                    stop_port=free_stop_port(
                        {other.execution.stop_port for other in self._runs.values() if not other.done.done()}
                    ),
                    created=created,
                    work=secrets.token_hex(16),
                    thread_groups=groups,
                    user=self._containment.new_user(*self._users()),
                    start_delay=plan.start_delay,
                )
            )
            self._runs[execution_id] = run
            return run

    def _users(self) -> tuple[set[int], set[int]]:
        """The user ids of all runs that are remembered, and of those that live."""
        runs = [run for run in self._runs.values() if run.execution.user is not None]
        taken = {run.execution.user or 0 for run in runs}
        return taken, {run.execution.user or 0 for run in runs if not run.done.done()}

    def _forget(self, run: Run) -> None:
        """Leave nothing of a run that could not be started."""
        with self._lock:
            self._runs.pop(run.execution.execution_id, None)
        shutil.rmtree(run.files.directory, ignore_errors=True)
        shutil.rmtree(run.work.parent, ignore_errors=True)
        run.done.set_result(None)

    def _make_run(self, execution: Execution) -> Run:
        files = ExecutionFiles(
            directory=self._root.results / execution.directory_name,
            report=self._root.reports / execution.directory_name,
        )
        # Two levels down: what a plan writes to "../" stays its own, too.
        work = self._root.work / (execution.work or execution.directory_name) / "files"
        return Run(execution, files, work, self._settings, self._on_end)

    def _on_end(self, run: Run) -> None:
        if run.execution.dashboard is Dashboard.PENDING:
            self._dashboards.add(run)

    def _load(self) -> list[Execution]:
        executions = []
        for directory in self._root.results.iterdir():
            state_file = directory / STATE_FILE
            try:
                execution = load_execution(state_file)
            except FileNotFoundError:
                # We died between making the directory and writing the intent: no JMeter was started for it.
                continue
            except (OSError, UnreadableState) as fault:
                _log.warning("execution not readable", extra={"path": str(state_file), "fault": str(fault)})
                continue
            executions.append(execution)
        return sorted(executions, key=lambda execution: execution.created)

    def _remove_left_work(self) -> None:
        """Delete the working directories of runs that have ended, or never began, while nobody could do it."""
        in_use = {run.work.parent.name for run in self._runs.values() if not run.done.done()}
        for left in self._root.work.iterdir():
            if left.name not in in_use:
                remove(left)

    def _find_processes(self) -> tuple[dict[str, ProcessIdentity], list[ProcessIdentity]]:
        """The JMeter processes of this data root that run: by execution id, and those that build dashboards."""
        runs: dict[str, ProcessIdentity] = {}
        dashboards: list[ProcessIdentity] = []
        inside = f"{self._root.results}/"
        for pid, arguments in command_lines():
            if not any(argument.startswith(inside) for argument in arguments):
                continue
            identity = identity_of(pid)
            if identity is None:
                continue
            for argument in arguments:
                if argument.startswith(RUN_MARKER):
                    # A launcher script and its java carry the same marker: the session's leader is the one to watch.
                    execution_id = argument.removeprefix(RUN_MARKER)
                    if execution_id not in runs or leads_session(pid):
                        runs[execution_id] = identity
                elif argument.startswith(DASHBOARD_MARKER):
                    dashboards.append(identity)
        return runs, dashboards

    def _kill(self, identity: ProcessIdentity, execution_id: str) -> None:
        _log.warning("killing a JMeter that no execution owns", extra={"execution_id": execution_id})
        JMeterProcess.adopt(identity).signal(_SIGKILL)
