"""Measure how many requests of the loads under a fault fail: the metric behind a stop condition of FIS."""

from datetime import timedelta

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import EngineError
from tandem.domain.limits import Limits
from tandem.domain.live_metrics import LiveMetrics, in_all
from tandem.domain.load_part import LoadAddress
from tandem.domain.ports import Database
from tandem.domain.task import TaskStatus
from tandem.domain.unsettled_run import UnsettledRun
from tandem.telemetry import LogEvent, warn

MOST_LOADS = 20
SECONDS_BETWEEN_LOOKS = 10.0
LONGEST_LOOK = timedelta(seconds=15)
"""For all loads together; those that it does not reach are not measured."""

Looks = dict[str, LiveMetrics]


class PublishLoadErrors:
    """Looks twice at each load whose fault is on: the requests that ended in between tell how it fares now.

    The engine's own rate is over the whole run, so minutes of good requests before the fault would hide it.
    """

    def __init__(self, database: Database, engines: LoadEngines, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._engines = engines
        self._clock = clock
        self._limits = limits

    def __call__(self) -> float | None:
        """In percent, of the load that fares worst: 0 without a load under a fault.

        None when there are such loads and none could be measured: then nothing is known, and the alarm must not hear
        that all is well. Raises DatabaseUnavailable.
        """
        unsettled = self._database.read(lambda uow: uow.runs.unsettled(self._limits.sweep_batch))
        loads = [run for run in unsettled if _under_fault(run)][:MOST_LOADS]
        if not loads:
            return 0.0
        before = self._look(loads)
        self._clock.sleep(SECONDS_BETWEEN_LOOKS)
        after = self._look(loads)
        rates = [error_percent(before[each], after[each]) for each in before.keys() & after.keys()]
        known = [rate for rate in rates if rate is not None]
        return max(known, default=None)

    def _look(self, loads: list[UnsettledRun]) -> Looks:
        found: Looks = {}
        until = self._clock.now() + LONGEST_LOOK
        for run in loads:
            if self._clock.now() >= until:
                break
            metrics = in_all([self._metrics(run, load) for load in run.known_loads])
            if metrics is not None:
                found[run.task_id] = metrics
        return found

    def _metrics(self, run: UnsettledRun, load: LoadAddress) -> LiveMetrics | None:
        try:
            return self._engines.of(load.engine).metrics(load.execution_id)
        except EngineError as trouble:
            warn(LogEvent.ENGINE_TROUBLE, task_id=run.task_id, reason=trouble.message)
            return None


def error_percent(before: LiveMetrics, after: LiveMetrics) -> float | None:
    """Of the requests that ended between two looks, those that failed (0..100); None when none ended."""
    ended = after.total_requests - before.total_requests
    failed = after.error_count - before.error_count
    return 100.0 * max(0, failed) / ended if ended > 0 else None


def _under_fault(run: UnsettledRun) -> bool:
    running = run.status is TaskStatus.RUNNING and run.execution_id is not None and run.stop_requested_at is None
    return running and run.window_opened_at is not None and run.finished_at is None
