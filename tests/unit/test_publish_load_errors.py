"""How many requests of the loads under a fault fail now."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tandem.adapters.metric_log import _unit_of
from tandem.domain.errors import EngineUnavailable
from tandem.domain.limits import Limits
from tandem.domain.live_metrics import LiveMetrics
from tandem.domain.task import TaskStatus
from tandem.domain.unsettled_run import UnsettledRun
from tandem.services.publish_load_errors import MOST_LOADS, PublishLoadErrors

from tests.factories.experiments import NOON, seconds_after_noon


def live(total: int, errors: int) -> LiveMetrics:
    return LiveMetrics(
        total_requests=total, success_count=total - errors, error_count=errors, error_rate=0.0, throughput=0.0,
        active_threads=1, avg_response_ms=1.0, max_response_ms=1.0, min_response_ms=1.0, at=None,
    )  # fmt: skip


class SteppingClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Engine:
    """Answers each look at a load with the next of its figures."""

    def __init__(self, **figures: list[LiveMetrics | Exception | None]) -> None:
        self.figures = figures
        self.asked: list[str] = []
        self.before_each: Callable[[], None] = lambda: None

    def metrics(self, execution_id: str) -> LiveMetrics | None:
        self.before_each()
        self.asked.append(execution_id)
        answer = self.figures[execution_id].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def under_fault(execution_id: str) -> UnsettledRun:
    return UnsettledRun(
        experiment_task_id=f"et-{execution_id}", task_id=f"ldtask_{execution_id}", status=TaskStatus.RUNNING,
        execution_id=execution_id, created_at=NOON, experiment_id="fis:EXT1", workflow_arn=None, deadline=None,
        window_opened_at=seconds_after_noon(11), abort_requested_at=None, stop_requested_at=None,
        stop_confirmed_at=None, finished_at=None, injection_ended_at=None, missing_sweeps=0, watched_closely=False,
        engine=None,
    )  # fmt: skip


def published(runs: list[UnsettledRun], engine: Any, clock: SteppingClock | None = None) -> float | None:
    unit_of_work = SimpleNamespace(runs=SimpleNamespace(unsettled=lambda limit: runs))
    database: Any = SimpleNamespace(read=lambda work: work(unit_of_work))
    engines: Any = SimpleNamespace(of=lambda name: engine)
    return PublishLoadErrors(database, engines, clock or SteppingClock(), Limits())()


def test_without_a_load_under_a_fault_all_is_well_and_the_engine_is_not_asked() -> None:
    finished, stopping, waiting = under_fault("a"), under_fault("b"), under_fault("c")
    finished.finished_at = stopping.stop_requested_at = seconds_after_noon(20)
    waiting.window_opened_at = None
    engine = Engine()
    assert published([], engine) == 0.0
    assert published([waiting, finished, stopping], engine) == 0.0
    assert engine.asked == []


def test_the_requests_between_two_looks_count_not_the_good_ones_before_the_fault() -> None:
    engine = Engine(a=[live(10_000, 0), live(10_100, 60)])
    assert published([under_fault("a")], engine) == 60.0


def test_the_load_that_fares_worst_counts() -> None:
    engine = Engine(a=[live(0, 0), live(100, 1)], b=[live(0, 0), live(100, 30)])
    assert published([under_fault("a"), under_fault("b")], engine) == 30.0


@pytest.mark.parametrize(
    "looks",
    [
        [EngineUnavailable("down"), EngineUnavailable("down")],
        [live(5, 0), EngineUnavailable("down")],
        [None, None],
        [live(5, 0), live(5, 0)],
        [live(500, 0), live(3, 0)],
    ],
    ids=["dead engine", "dies between", "no figures", "nothing ended", "engine restarted"],
)
def test_what_cannot_be_measured_is_not_reported_as_well(looks: list[LiveMetrics | Exception | None]) -> None:
    assert published([under_fault("a")], Engine(a=looks)) is None


def test_one_load_that_cannot_be_measured_does_not_hide_the_others() -> None:
    engine = Engine(a=[EngineUnavailable("x"), EngineUnavailable("x")], b=[live(0, 0), live(10, 5)])
    assert published([under_fault("a"), under_fault("b")], engine) == 50.0


def test_many_loads_and_a_slow_engine_fit_into_the_minute() -> None:
    names = [f"e{number}" for number in range(MOST_LOADS + 5)]
    figures: dict[str, list[LiveMetrics | Exception | None]] = {name: [live(0, 0), live(10, 1)] for name in names}
    engine, clock = Engine(**figures), SteppingClock()
    engine.before_each = lambda: clock.sleep(4)
    assert published([under_fault(name) for name in names], engine, clock) == 10.0
    assert clock.at - NOON < timedelta(seconds=45)


def test_the_metric_is_a_percentage() -> None:
    assert _unit_of("LoadErrorPercent") == "Percent"
