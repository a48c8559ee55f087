"""One life of an experiment twice: simulated, for as long as one likes, and in short on the local Step Functions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from tandem.adapters.database.connections import Connections, open_engine

from tests.conftest import alembic_config
from tests.factories.platform import Platform, until
from tests.factories.stacks import stack_over
from tests.fakes.engine_traps import DEPLOYED
from tests.fakes.trap_engine import TrapEngine
from tests.reliability.machine import settle
from tests.reliability.ports import CommitFaults
from tests.reliability.system import System, the_definition

LEAD_SECONDS = 10
SWEEPS_A_LIFE = 40
_SEED = 1
# What Step Functions writes for each state besides the entry and the exit (AWS, "HistoryEvent").
_EVENTS_OF_TASK = {"arn:aws:states:::lambda:invoke": 5, "arn:aws:states:::lambda:invoke.waitForTaskToken": 6}
_EVENTS_OF_OTHERS = 2
_EVENTS_OF_EXECUTION = 2


def simulated_states(directory: Path, seconds: int) -> list[str]:
    """The states entered by an experiment whose load lasts so long and whose fault ends shortly before it.

    The real handlers, services, SQL and state machine file under virtual time (tests/reliability).
    """
    url = f"sqlite:///{directory / f'{seconds}.sqlite3'}"
    command.upgrade(alembic_config(url), "head")
    engine = open_engine(Connections(url))
    system = System(_SEED, engine, CommitFaults(engine))
    try:
        system.start_experiment(1, start_before_fault_sec=LEAD_SECONDS, traffic_duration_sec=seconds)
        system.event_after(seconds - 5, "ExperimentFinished", experimentTaskId="et-1", outcome="SUCCEEDED")
        for _ in range(SWEEPS_A_LIFE):
            system.simulation.run_for(seconds / SWEEPS_A_LIFE)
            system.sweep()
        settle(system)
        if not system.quiet():
            raise RuntimeError(f"the simulated run of {seconds} s did not come to its end")
        return [line.rpartition(" ")[2] for line in system.simulation.trace if " enters " in line]
    finally:
        system.close()
        engine.dispose()


def real_history(directory: Path) -> list[dict[str, Any]]:
    """The history of an experiment of some seconds, as the local Step Functions wrote it."""
    with TrapEngine(DEPLOYED) as engine, stack_over(engine.url, directory / "stack", 2) as stack:
        platform = Platform(stack)
        try:
            experiment = platform.plan(start_before_fault_sec=1, traffic_duration_sec=60)
            experiment.starts()
            experiment.hears("FaultWindowOpen", 60)
            until(lambda: experiment.run and experiment.run.task_token, "the workflow that waits")
            experiment.finishes("SUCCEEDED")
            experiment.workflow_ends(60)
            [execution] = platform.executions(experiment.experiment_task_id)
            return platform.history(execution["executionArn"])
        finally:
            platform.close()


def entered(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """The states of a history, in order."""
    return [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]


def events_of(states: Sequence[str]) -> int:
    """How many history events an execution through these states has."""
    definition = the_definition()["States"]
    return _EVENTS_OF_EXECUTION + sum(
        _EVENTS_OF_TASK[definition[name]["Resource"]] if definition[name]["Type"] == "Task" else _EVENTS_OF_OTHERS
        for name in states
    )


def price_of(states: Sequence[str]) -> float:
    """USD of an execution's transitions (Standard workflows, us-east-1: 25 USD for a million)."""
    return len(states) * 25e-6
