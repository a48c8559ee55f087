"""The interpreter of tests/reliability takes the path that the local Step Functions take: same lives, same states."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tandem.adapters.database.connections import Connections, open_engine
from tandem.domain.strategy import Gate

from tests.factories.platform import Experiment, Platform, until
from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind, Traps
from tests.fakes.trap_engine import TrapEngine
from tests.reliability.machine import settle
from tests.reliability.ports import CommitFaults
from tests.reliability.system import System

NO_TRAFFIC = replace(DEPLOYED, traffic=False)


@dataclass(frozen=True, slots=True)
class Life:
    """One experiment: the engine's habits, what its strategy says, how the platform ends it, a fault of the engine."""

    traps: Traps = DEPLOYED
    strategy: Mapping[str, Any] = field(default_factory=dict)
    outcome: str | None = None
    fault: Fault | None = None


LIVES = {
    "stopped": Life(outcome="STOPPED"),
    "ends well": Life(outcome="SUCCEEDED"),
    "abort": Life(NO_TRAFFIC, {"gate": Gate(timeout_sec=4), "abort_on_load_failure": True}),
    "unproven window": Life(NO_TRAFFIC, {"gate": Gate(timeout_sec=4)}),
    "a retried step": Life(outcome="STOPPED", fault=Fault(FaultKind.DO_AND_CUT, on=frozenset({Call.START}))),
}


@pytest.fixture(scope="module")
def simulated(_migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The states that the interpreter enters in each life. Before the stack begins: both want the one application."""
    file = tmp_path_factory.mktemp("simulated") / "tandem.sqlite3"
    file.write_bytes(_migrated_sqlite_file.read_bytes())
    engine = open_engine(Connections(f"sqlite:///{file}"))
    faults = CommitFaults(engine)
    states = {name: simulate(System(1, engine, faults), life) for name, life in LIVES.items()}
    engine.dispose()
    return states


def simulate(system: System, life: Life) -> list[str]:
    try:
        system.trap_engine.set_traps(life.traps)
        if life.fault is not None:
            system.trap_engine.add_fault(life.fault)
        system.start_experiment(1, **{"start_before_fault_sec": 0, **life.strategy})
        if life.outcome is not None:
            system.event_after(20, "ExperimentFinished", experimentTaskId="et-1", outcome=life.outcome)
        system.simulation.run_for(25)
        settle(system)
        return [line.rpartition(" ")[2] for line in system.simulation.trace if " enters " in line]
    finally:
        system.close()


def entered(experiment: Experiment) -> list[str]:
    [execution] = experiment.platform.executions(experiment.experiment_task_id)
    history = experiment.platform.history(execution["executionArn"])
    return [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]


@pytest.mark.parametrize("name", LIVES)
def test_the_same_life_goes_through_the_same_states(
    simulated: dict[str, list[str]], platform: Platform, engine: TrapEngine, name: str
) -> None:
    life = LIVES[name]
    engine.set_traps(life.traps)
    if life.fault is not None:
        engine.add_fault(life.fault)
    experiment = platform.plan(**life.strategy)
    experiment.starts()
    if life.outcome is not None:
        experiment.hears("FaultWindowOpen")
        until(lambda: experiment.run and experiment.run.task_token, "the workflow that waits")
        experiment.finishes(life.outcome)
    experiment.workflow_ends(60)
    assert simulated[name] != []
    assert without_raced_stop(entered(experiment), life) == without_raced_stop(simulated[name], life)


def without_raced_stop(states: list[str], life: Life) -> list[str]:
    """After a gate that was not passed the queue's worker stops the load too: whether the workflow still finds a stop
    to confirm is a race between the two, and both ways are right.
    """
    return [state for state in states if life.traps is not NO_TRAFFIC or state != "StopLoad"]
