"""Building JMeter's HTML dashboards after the runs: one at a time, at low priority, bounded in time and memory."""

import logging
import queue
import secrets
import shutil
import threading
import time
from pathlib import Path
from signal import SIGKILL
from typing import Final

from tandem_engine.command_line import dashboard_arguments, dashboard_jvm_arguments
from tandem_engine.containment import hand_over, take_back
from tandem_engine.data_root import DataRoot
from tandem_engine.execution import Dashboard
from tandem_engine.jmeter_home import JMeter
from tandem_engine.processes import JMeterProcess
from tandem_engine.run import Run, child_environment
from tandem_engine.settings import Settings
from tandem_engine.verdict import reason_of_failure_in

_log = logging.getLogger(__name__)

_LOOK_EVERY: Final = 0.1
# Nobody waits for a dashboard. Said by a command: the priority of another user's process is not ours to change.
_NICE: Final = shutil.which("nice")
_BEHIND_OTHERS: Final = [_NICE, "-n", "10"] if _NICE else []
BUILDING: Final = ".building"


class DashboardBuilder:
    """A queue of ended runs and one thread that builds their dashboards; what is left undone is done at next start."""

    def __init__(self, root: DataRoot, jmeter: JMeter, settings: Settings) -> None:
        self._root = root
        self._jmeter = jmeter
        self._settings = settings
        self._queue: queue.Queue[Run] = queue.Queue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="dashboards", daemon=True)

    def start(self) -> None:
        """Begin to work; removes what an engine that died left half built."""
        for left in self._root.reports.glob(f".*{BUILDING}"):
            shutil.rmtree(left, ignore_errors=True)
        self._thread.start()

    def add(self, run: Run) -> None:
        """Build this ended run's dashboard when its turn comes."""
        self._queue.put(run)

    def close(self, wait: float) -> None:
        """Give what is queued at most ``wait`` seconds, then end the work."""
        deadline = time.monotonic() + wait
        while self._queue.unfinished_tasks and time.monotonic() < deadline and not self._closing.wait(_LOOK_EVERY):
            continue
        self.hurry()
        self._thread.join(10)

    def hurry(self) -> None:
        """End the work now, also the dashboard that is being built."""
        self._closing.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                run = self._queue.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                continue
            try:
                self._build(run)
            except OSError as fault:
                self._end(run, Dashboard.FAILED, f"the dashboard could not be built: {fault}")
            finally:
                self._queue.task_done()

    def _build(self, run: Run) -> None:
        execution = run.execution
        aside = self._root.reports / f".{execution.directory_name}.{secrets.token_hex(4)}{BUILDING}"
        aside.mkdir()
        try:
            fault = self._generate(run, aside)
            if self._closing.is_set() and fault is not None:
                return
            if fault is None:
                # In its place before the directory is: who sees the one finds the other.
                packed = Path(shutil.make_archive(str(aside / "dashboard"), "zip", aside / "report"))
                packed.rename(run.files.packed_report)
                shutil.rmtree(run.files.report, ignore_errors=True)
                if execution.user is not None:
                    take_back(aside / "report")
                (aside / "report").rename(run.files.report)
                self._end(run, Dashboard.READY, f"the dashboard is at reports/{execution.directory_name}/index.html")
            else:
                self._end(run, Dashboard.FAILED, f"the dashboard could not be built: {fault}")
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _generate(self, run: Run, aside: Path) -> str | None:
        """Run ``jmeter -g``; answers what went wrong, None when there is a dashboard. Raises OSError."""
        samples = int(run.execution.summary["total"]) if run.execution.summary else 0
        preferences = self._root.cache / "preferences" if run.execution.user is None else aside
        jvm_arguments = dashboard_jvm_arguments(self._settings.report_heap, preferences)
        arguments = dashboard_arguments(run.execution.execution_id, run.files.jtl, aside, samples)
        output = aside / "jmeter.out"
        user = run.execution.user
        if user is not None:
            hand_over(aside, (), user)
        process = JMeterProcess.spawn(
            [*_BEHIND_OTHERS, *self._jmeter.command(jvm_arguments, arguments)],
            child_environment(self._jmeter.environment(jvm_arguments)),
            aside,
            output,
            user,
        )
        deadline = time.monotonic() + self._settings.report_timeout
        in_time = True
        while not process.has_ended():
            in_time = in_time and time.monotonic() < deadline
            if not in_time or self._closing.is_set():
                process.signal(SIGKILL)
            time.sleep(_LOOK_EVERY)
        if (aside / "report" / "index.html").is_file() and process.return_code == 0:
            return None
        if not in_time:
            return f"it took longer than {self._settings.report_timeout} s"
        return reason_of_failure_in(output, aside / "jmeter.log") or f"exit code {process.return_code}"

    @staticmethod
    def _end(run: Run, outcome: Dashboard, message: str) -> None:
        run.execution.dashboard = outcome
        run.save()
        run.note(f"DASHBOARD_{outcome.value}", message)
        _log.info("dashboard ended", extra={"execution_id": run.execution.execution_id, "outcome": outcome.value})
