"""One live run: a thread that watches its JMeter, follows its JTL, keeps its time limits and closes it, once."""

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from tandem_samples import GroupKind, ThreadGroups, kind_of_element

from tandem_engine.command_line import run_arguments, run_jvm_arguments
from tandem_engine.containment import hand_over, private_environment, private_jvm_arguments, take_in
from tandem_engine.execution import Dashboard, EndCause, Execution, ExecutionFiles, Status
from tandem_engine.generator_health import GC_LOG, GeneratorWatch, gc_log_arguments
from tandem_engine.jmeter_home import JMeter
from tandem_engine.jtl import JtlFollower, trim_to_whole_records
from tandem_engine.limits import no_more_room
from tandem_engine.live_figures import Totals
from tandem_engine.moments import now_ms
from tandem_engine.plan_groups import as_groups
from tandem_engine.processes import JMeterProcess
from tandem_engine.settings import Settings, bytes_of_heap
from tandem_engine.signs import RunSigns
from tandem_engine.stop_sequence import GENTLE_FOR, StopSequence
from tandem_engine.verdict import Ending, came_to_its_end, decide, reason_of_failure
from tandem_engine.work_directory import remove

_log = logging.getLogger(__name__)

_WATCH_EVERY: Final = 0.1
_FOLLOW_EVERY: Final = 0.5
_SAVE_AGAIN_AFTER: Final = 5.0
_LOOK_FOR_ROOM_EVERY: Final = 1.0
# An engine that ends has 20 s for its runs.
_TEAR_DOWN_AT_SHUTDOWN: Final = 8
_OPEN_MODEL_WAIT_MS: Final = 1500
_WAITED_FOR: Final = frozenset({EndCause.REQUESTED, EndCause.SHUTDOWN})


class Run:
    """An execution, live or ended. ``done`` is resolved when its final status is decided and JMeter is gone."""

    def __init__(
        self,
        execution: Execution,
        files: ExecutionFiles,
        work: Path,
        settings: Settings,
        on_end: Callable[["Run"], None],
    ) -> None:
        """``work``: where its JMeter works."""
        self.execution = execution
        self.files = files
        self.work = work
        self.done: Future[None] = Future()
        # From here on nobody who waits for it can cancel it.
        self.done.set_running_or_notify_cancel()
        self._settings = settings
        self._on_end = on_end
        self._lock = threading.Lock()
        self._process: JMeterProcess | None = None
        self._watched_since = 0
        self._sampled = False
        self._over = execution.status.is_final
        self._hurry = False
        self._unsaved = False
        self._wake = threading.Event()
        self._groups = ThreadGroups(as_groups(execution.thread_groups))
        self._follower = JtlFollower(files.jtl, self._groups)
        heap = bytes_of_heap(execution.request.heap_size)
        self._health = GeneratorWatch(heap, files.log, files.output, self._own_directory() / GC_LOG)
        self._followed_at = 0.0
        self._room_seen_at = 0.0
        self._signs = RunSigns(files.output, files.log)
        self._until_cut = _OPEN_MODEL_WAIT_MS if _is_open_model(execution) else 0
        self._stopping: StopSequence | None = None
        self._snapshot: dict[str, Any] | None = execution.metrics
        if self._over:
            self.done.set_result(None)

    def launch(self, jmeter: JMeter, plan: Path, preferences: Path) -> None:
        """Spawn JMeter and watch it. Raises OSError when it cannot be spawned."""
        execution = self.execution
        environment: dict[str, str] = {}
        user, private = execution.user, self.work.parent
        if user is not None:
            hand_over(private, (self.files.log,), user)
            preferences, environment = private, private_environment(private)
        jvm_arguments = [
            *(() if user is None else private_jvm_arguments(private)),
            *run_jvm_arguments(execution.request, preferences),
            *gc_log_arguments(jmeter.java, self._own_directory()),
        ]
        arguments = run_arguments(
            execution.request, execution.execution_id, plan, self._written(), self.files.log, execution.stop_port
        )
        self._process = JMeterProcess.spawn(
            jmeter.command(jvm_arguments, arguments),
            child_environment(environment | jmeter.environment(jvm_arguments)),
            self.work,
            self.files.output,
            user,
        )
        with self._lock:
            execution.process = self._process.identity
            execution.started = now_ms()
            execution.status = Status.RUNNING
        self.save()
        self.note("STARTED", f"JMeter runs with pid {self._process.identity.pid}, stop port {execution.stop_port}")
        self._watch()

    def adopt(self, process: JMeterProcess) -> None:
        """Take over a JMeter that an earlier engine started."""
        self._process = process
        self._watched_since = now_ms()
        with self._lock:
            self.execution.process = process.identity
            self.execution.started = self.execution.started or self.execution.created
            self.execution.status = Status.RUNNING
        self.save()
        self.note("ADOPTED", f"the engine was restarted and has taken over JMeter with pid {process.identity.pid}")
        self._watch()

    def close_dead(self) -> None:
        """Close a run whose JMeter ended while no engine watched it."""
        self._over = True
        self._watch()

    def ask_to_end(self, cause: EndCause) -> bool:
        """Begin to end the run; False when it has already ended. The first cause stands."""
        with self._lock:
            if self._over or (self._process is not None and self._process.has_ended()):
                self._over = True
                self._wake.set()
                return False
            first = self.execution.end_cause is None
            if first:
                self.execution.end_cause = cause
        if first:
            self.save()
            self.note("STOPPING", _WHY[cause])
        elif cause in _WAITED_FOR and self._stopping is not None:
            self._stopping.hasten()
        self._wake.set()
        return True

    def hurry(self) -> None:
        """Use signals at once to end a run that is already being ended."""
        self._hurry = True

    def snapshot(self) -> dict[str, Any] | None:
        """The MetricsSnapshot, at most half a second old while the run lives; None without a result file.

        The first one with a sample is there a tenth of a second after the sample.
        """
        return self._snapshot

    def empty_snapshot(self) -> dict[str, Any]:
        """The MetricsSnapshot before there is any sample."""
        return self._measure(now_ms(), Totals(self._groups))

    def note(self, kind: str, message: str) -> None:
        """Append an event; that it cannot be written ends no run."""
        try:
            self.files.append_event(kind, message)
        except OSError as fault:
            self._warn("event not written", fault)

    def save(self) -> None:
        """Write the state; that it cannot be written ends no run (a restart decides from JTL and logs then)."""
        try:
            self.files.save(self.execution)
            self._unsaved = False
        except OSError as fault:
            self._unsaved = True
            self._warn("state not written", fault)

    def _watch(self) -> None:
        threading.Thread(target=self._live, name=f"run-{self.execution.execution_id}", daemon=True).start()

    def _live(self) -> None:
        while not self._is_gone():
            try:
                self._tend()
            except OSError as fault:
                self._warn("run not tended", fault)
            self._wake.wait(_WATCH_EVERY)
            self._wake.clear()
        try:
            self._close()
        finally:
            if not self.execution.status.is_final:
                self.execution.ended = now_ms()
                self.execution.error_message = "the engine could not read how the run ended; see its log"
                self.execution.status = Status.FAILED
            self.done.set_result(None)
        while self._unsaved:
            # The disk was full: a final status that we have told must be the one that a restart reads.
            time.sleep(_SAVE_AGAIN_AFTER)
            self.save()

    def _is_gone(self) -> bool:
        with self._lock:
            if not self._over and self._process is not None and self._process.has_ended():
                self._over = True
            return self._over

    def _tend(self) -> None:
        """One round while JMeter lives. Raises OSError."""
        assert self._process is not None  # noqa: S101 - for the type checker: a run without one is over
        self._signs.look()
        if self._signs.tear_down_began is not None and self.execution.main_ended is None:
            self.execution.main_ended = now_ms()
            self.save()
            self.note("TEAR_DOWN", "the main thread groups are over, the tear-down groups run")
        behind = self._follow()
        if self.execution.end_cause is None:
            self._keep_time_limits(behind)
            self._keep_room()
        cause = self.execution.end_cause
        if cause is not None:
            self._stopping = self._stopping or self._stop_sequence(cause)
            if means := self._stopping.step(harder=self._hurry):
                self.note("STOP_SENT", f"sent {means} to JMeter")
        self._health.look(self._process.identity.pid, ending=cause is not None)

    def _stop_sequence(self, cause: EndCause) -> StopSequence:
        assert self._process is not None  # noqa: S101 - for the type checker: a run without one is over
        limit = self.execution.request.tear_down_limit
        return StopSequence(
            self._process,
            self.execution.stop_port,
            self._signs,
            gentle_for=self._settings.duration_grace if cause is EndCause.DURATION else GENTLE_FOR,
            tear_down_limit=min(limit, _TEAR_DOWN_AT_SHUTDOWN) if cause is EndCause.SHUTDOWN else limit,
        )

    def _follow(self) -> bool:
        """Read what the result file has more, when it is time to; True when not all of it is known. Raises OSError."""
        # Somebody waits for the first sample, and times a fault by it.
        if self._sampled and time.monotonic() - self._followed_at < _FOLLOW_EVERY:
            return False
        self._take_results()
        behind = self._follower.advance()
        self._followed_at = 0.0 if behind else time.monotonic()
        if self.files.jtl.exists():
            first = self._follower.main_began
            if first is not None and not self._sampled:
                self._sampled = True
                if first >= self._watched_since:
                    self.note("FIRST_SAMPLES", "the main thread groups have sent their first samples")
            self._snapshot = self._measure(now_ms(), self._follower.totals)
        return behind

    def _own_directory(self) -> Path:
        """Where its JVM may make files beside those that a plan makes."""
        return self.files.directory if self.execution.user is None else self.work.parent

    def _written(self) -> Path:
        """Where JMeter writes its results: a user of its own makes no files where the engine has its own."""
        if self.execution.user is None:
            return self.files.jtl
        return self._own_directory() / f".{self.execution.directory_name}.jtl"

    def _take_results(self) -> None:
        """Have the result file of a run with a user of its own in its place, from when there is one. Raises OSError."""
        if self.execution.user is not None and not self.files.jtl.exists():
            take_in(self._written(), self.files.jtl, self.execution.user)

    def _keep_time_limits(self, behind: bool) -> None:
        """``behind``: what the result file holds is not all known yet."""
        request, now = self.execution.request, now_ms()
        age = (now - (self.execution.started or self.execution.created)) / 1000
        first = self._follower.main_began
        began = self._signs.tear_down_began
        if age >= request.timeout:
            self.ask_to_end(EndCause.TIMEOUT)
        elif began is not None:
            if time.monotonic() - began >= request.tear_down_limit:
                self.ask_to_end(EndCause.TEAR_DOWN)
        elif request.duration is None or behind:
            return
        elif first is not None and now >= first + request.duration * 1000 + self._until_cut:
            self.ask_to_end(EndCause.DURATION)
        elif first is None and age >= request.set_up_limit + self.execution.start_delay:
            self.ask_to_end(EndCause.SET_UP)

    def _keep_room(self) -> None:
        """End the run before it has filled the disk for all others. Raises OSError."""
        if time.monotonic() - self._room_seen_at < _LOOK_FOR_ROOM_EVERY:
            return
        self._room_seen_at = time.monotonic()
        settings = self._settings
        # Half of what a start needs: a run that was let in is not ended by the next one's first bytes.
        cause = no_more_room(self.files.jtl, settings.max_result_bytes, settings.min_free_bytes // 2)
        if cause is not None:
            self.ask_to_end(cause)

    def _close(self) -> None:
        """Read the rest, trim, decide the final status, and tell everybody."""
        execution = self.execution
        ended = execution.main_ended or (now_ms() if self._process is not None else self._last_trace())
        cut = 0
        try:
            self._take_results()
            self._follower.catch_up()
            cut = trim_to_whole_records(self._follower)
        except OSError as fault:
            self._warn("result file not read to its end", fault)
        totals = self._follower.totals
        self._health.finish(ending=execution.end_cause is not None)
        status, message = decide(
            Ending(
                cause=execution.end_cause,
                return_code=self._process.return_code if self._process else None,
                came_to_its_end=came_to_its_end(self.files),
                while_engine_was_down=self._process is None,
                totals=totals,
                reason=reason_of_failure(self.files),
                broke=self._health.broke,
                out_of_memory=self._health.out_of_memory,
            ),
            execution.request,
        )
        with self._lock:
            execution.status = status
            execution.error_message = message
            execution.ended = ended
            execution.summary = totals.summary()
            execution.generator = self._health.figures(totals.dropped_connections)
            if self.files.jtl.exists():
                execution.metrics = self._snapshot = self._measure(ended, totals) | {"activeThreads": 0}
            if totals.rows == 0:
                execution.dashboard = Dashboard.NONE
        self.save()
        if cut:
            self.note("TRIMMED", f"cut {cut} bytes of an unfinished last record off results.jtl")
        self.note("ENDED", f"{status.value}: {message}" if message else status.value)
        try:
            self.remove_work()
        except OSError as fault:
            self._warn("working directory not removed", fault)
        _log.info("run ended", extra={"execution_id": execution.execution_id, "status": status.value})
        self._on_end(self)

    def remove_work(self) -> None:
        """Delete where its JMeter worked, with all that the plan left there. Raises OSError."""
        remove(self.work.parent)
        if self.execution.plan_copy is not None:
            # Of a run of an engine that laid the copy beside the plan.
            Path(self.execution.plan_copy).unlink(missing_ok=True)

    def _last_trace(self) -> int:
        """When a JMeter that nobody watched last wrote something, in ms since 1970."""
        traces = [self.execution.started or self.execution.created]
        for path in (self.files.jtl, self.files.log, self.files.output):
            with contextlib.suppress(OSError):
                traces.append(int(path.stat().st_mtime * 1000))
        return max(traces)

    def _measure(self, moment: int, totals: Totals) -> dict[str, Any]:
        return {
            "executionId": self.execution.execution_id,
            "timestamp": moment,
            **totals.snapshot(moment),
            "generator": self._health.figures(totals.dropped_connections),
        }

    def _warn(self, what: str, fault: OSError) -> None:
        _log.warning(what, extra={"execution_id": self.execution.execution_id, "fault": str(fault)})


_WHY: Final = {
    EndCause.REQUESTED: "a stop was requested",
    EndCause.TIMEOUT: "the timeout has passed",
    EndCause.DURATION: "the duration has passed since the first sample",
    EndCause.SHUTDOWN: "the engine is shutting down",
    EndCause.SET_UP: "no main thread group has sent anything within the set-up limit",
    EndCause.TEAR_DOWN: "the tear-down groups have had their time",
    EndCause.RESULT_SIZE: "its result file is as large as the engine lets one grow",
    EndCause.DISK_FULL: "the engine's disk is nearly full",
}


def _is_open_model(execution: Execution) -> bool:
    """Whether open models alone make the load: they stop sending by themselves, and a stop cuts what is in flight."""
    main = [element for _, element in execution.thread_groups if kind_of_element(element) is GroupKind.MAIN]
    return bool(main) and all(element.endswith("OpenModelThreadGroup") for element in main)


def child_environment(additions: dict[str, str]) -> dict[str, str]:
    """The environment of a JMeter: ours without the engine's settings (a plan can read it), and a UTF-8 locale."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    return inherited | {"LC_ALL": "C.UTF-8"} | additions


def snapshot_event(snapshot: dict[str, Any]) -> bytes:
    """A MetricsSnapshot as one server-sent event."""
    return b"data: " + json.dumps(snapshot).encode() + b"\n\n"
