"""The traffic check in whole lives of the system: what is proven, when, and what never is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tandem.adapters.database import tables
from tandem.domain.strategy import Gate
from tandem.domain.task import TaskStatus

from tests.fakes.engine_traps import DEPLOYED, Traps
from tests.reliability.conftest import NewSystem
from tests.reliability.machine import settle
from tests.reliability.system import System


@pytest.fixture
def system(new_system: NewSystem) -> System:
    return new_system(7)


def lived(system: System, traps: Traps, seconds: float = 90, **changes: Any) -> Any:
    """The run's row after so much of a life."""
    system.set_traps(traps)
    system.start_experiment(1, **{"start_before_fault_sec": 0, "traffic_duration_sec": 600, **changes})
    system.simulation.run_for(seconds)
    [row] = system.rows(tables.run)
    return row


def test_a_load_with_a_fixed_fault_starts_early_enough_to_be_proven_before_it(system: System) -> None:
    row = lived(system, DEPLOYED, fault_in=30)
    assert row.window_load_proven is True
    assert timedelta(0) <= row.window_opened_at - row.fault_at < timedelta(seconds=3)
    assert timedelta(seconds=3) <= row.load_proven_at - row.load_accepted_at < timedelta(seconds=8)
    settle(system)


@pytest.mark.parametrize("rate", [0.51, 0.8, 1.0])
def test_a_load_of_which_more_than_half_fails_is_never_proven(system: System, rate: float) -> None:
    row = lived(system, replace(DEPLOYED, error_rate=rate))
    assert (row.load_proven_at, row.window_load_proven) == (None, False)
    assert "requests failed in the last" in row.load_failure
    assert "(gate allows 50 %)" in row.load_failure
    [task] = system.rows(tables.task)
    assert task.status == TaskStatus.FAILED
    settle(system)


def test_one_of_which_a_third_fails_is_proven_and_so_is_any_when_that_is_asked_for(system: System) -> None:
    row = lived(system, replace(DEPLOYED, error_rate=1 / 3), seconds=20)
    assert row.window_load_proven is True
    settle(system)


def test_a_gate_that_allows_every_error_passes_a_dead_target(system: System) -> None:
    row = lived(system, replace(DEPLOYED, error_rate=1.0), seconds=20, gate=Gate(max_error_rate=1))
    assert row.window_load_proven is True
    settle(system)


def test_nineteen_requests_are_no_load(system: System) -> None:
    row = lived(system, replace(DEPLOYED, throughput=0.3))
    assert row.window_load_proven is False
    assert "(gate wants at least 20 in 3 s)" in row.load_failure
    settle(system)
