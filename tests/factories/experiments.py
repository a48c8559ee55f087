"""Definitions, strategies and runs for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tandem.domain.definition import Entry, LoadTestDefinition, UrlCase
from tandem.domain.experiment_run import ExperimentRun, RunPlan
from tandem.domain.identity import Owner
from tandem.domain.load_engine import EngineRun, EngineStatus
from tandem.domain.strategy import LoadTestStrategy

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
OWNER = Owner("alice", "default")


def seconds_after_noon(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def definition(**changes: Any) -> LoadTestDefinition:
    """A definition of one URL, owned by alice."""
    plain = LoadTestDefinition(
        definition_id="ldef_1",
        owner=OWNER,
        name="checkout",
        endpoint="http://127.0.0.1:9000",
        entry=Entry.URL,
        created_by="alice",
        created_at=NOON,
        updated_at=NOON,
        url_case=UrlCase(),
    )
    return replace(plain, **changes)


def strategy(**changes: Any) -> LoadTestStrategy:
    """A strategy that leads by 10 s and lasts 60 s."""
    plain = LoadTestStrategy(
        strategy_id="lstrategy_1",
        owner=OWNER,
        definition_id="ldef_1",
        experiment_id="exp-1",
        created_at=NOON,
        updated_at=NOON,
        start_before_fault_sec=10,
        traffic_duration_sec=60,
    )
    return replace(plain, **changes)


def run(
    *, task_id: str = "ldtask_1", experiment_task_id: str = "et-1", fault_at: datetime | None = None, **changes: Any
) -> ExperimentRun:
    """A run with its task PENDING; ``changes`` are the strategy's."""
    fresh = ExperimentRun(
        experiment_task_id=experiment_task_id,
        created_at=NOON,
        owner=OWNER,
        experiment_id="exp-1",
        workflow_arn=f"arn:{experiment_task_id}",
        fault_at=fault_at,
    )
    fresh.create_task(task_id, RunPlan(strategy(**changes), definition()), NOON, NOON)
    return fresh


def engine_run(status: EngineStatus = EngineStatus.RUNNING, **changes: Any) -> EngineRun:
    """What the engine says of the run's load."""
    plain = EngineRun(
        execution_id="0a1b2c3d",
        status=status,
        raw_status=status,
        test_name="tandem ldtask_1",
        result_path="results/x/results.jtl",
        report_path="reports/x",
        log_path="results/x/jmeter.log",
    )
    return replace(plain, **changes)


def started_run(**changes: Any) -> ExperimentRun:
    """A run whose load the engine took at noon."""
    begun = run(**changes)
    begun.try_start(NOON)
    begun.attempt_start(NOON)
    begun.accept_load(engine_run(), 120, NOON)
    return begun


def proven_run(**changes: Any) -> ExperimentRun:
    """A run whose first sample came 1 s after noon, and whose load is proven."""
    proven = started_run(**changes)
    proven.see_first_sample(seconds_after_noon(1))
    proven.prove_load("12 samples", seconds_after_noon(1))
    return proven


def open_run(**changes: Any) -> ExperimentRun:
    """A run whose window opened 11 s after noon."""
    opened = proven_run(**changes)
    opened.open_due_window(seconds_after_noon(11))
    return opened
