"""One experiment, killed after each of its effects in turn, and each of its commits failing in turn."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.engine_traps import FaultKind
from tests.reliability.directed_lives import TWO_PARTS, live
from tests.reliability.ports import CommitFault
from tests.reliability.promises import Promises
from tests.reliability.system import System

NewSystem = Callable[[int], System]
MOST_EFFECTS = 120

LIVES: dict[str, dict[str, Any]] = {
    "runs its full duration": {},
    "finishes well and runs on": {"finish": (20.0, "SUCCEEDED")},
    "finishes badly": {"finish": (20.0, "FAILED")},
    "stops on completion": {"finish": (20.0, "SUCCEEDED"), "stop_on_completion": True, "habit": "slow stop"},
    "finishes while it starts": {"finish": (0.3, "STOPPED")},
    "is stopped by its user": {"user_stop": 12.0},
    "has no traffic and aborts": {"habit": "no traffic", "abort_on_load_failure": True},
    "has no traffic and does not abort": {"habit": "no traffic"},
    "dies in the fault and aborts": {"habit": "dies later", "abort_on_load_failure": True},
    "never ends": {"habit": "never ends"},
    "has a fixed fault": {"fault_in": 30.0},
    "in two parts, runs its full duration": TWO_PARTS,
    "in two parts, is stopped by its user": TWO_PARTS | {"user_stop": 12.0},
    "in two parts, one start not answered": {"engines": 2, "further": [FaultKind.DO_AND_CUT]},
    "in two parts, one start not answered, and stopped": {
        "engines": 2,
        "further": [FaultKind.DO_AND_CUT],
        "user_stop": 0.5,
        "traffic_duration_sec": 300,
    },
    "in two parts, one dies in the fault and aborts": {
        "engines": 2,
        "further": ["dies later"],
        "abort_on_load_failure": True,
    },
    "in two parts, one goes to a third engine": {"engines": 2, "further": [FaultKind.BUSY_503, "deployed"]},
    "in two parts, one is turned away and finishes": {
        "engines": 2,
        "further": [FaultKind.BUSY_503],
        "finish": (0.6, "SUCCEEDED"),
    },
}


def fail_if_broken(system: System, promises: Promises, what: str) -> None:
    if promises.broken:
        pytest.fail(f"{what}: {promises.broken}\n" + "\n".join(system.simulation.trace))


@pytest.mark.slow
@pytest.mark.parametrize("name", LIVES)
def test_a_kill_after_any_effect_breaks_no_promise(new_system: NewSystem, name: str) -> None:
    for effect in range(1, MOST_EFFECTS):
        system = new_system(1)
        system.calm = False
        system.simulation.kill_after.add(effect)
        try:
            promises = live(system, dict(LIVES[name]))
            fail_if_broken(system, promises, f"killed after effect {effect}")
            if system.simulation.kills == 0:
                return
        finally:
            system.close()
    pytest.fail(f"more than {MOST_EFFECTS} effects")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "runs its full duration",
        "finishes badly",
        "is stopped by its user",
        "never ends",
        "in two parts, is stopped by its user",
        "in two parts, one goes to a third engine",
    ],
)
@pytest.mark.parametrize(
    ("fault", "times"),
    # One lost answer is met by the retries; five in a row outlast them.
    [(CommitFault.ANSWER_LOST, 1), (CommitFault.ANSWER_LOST, 5), (CommitFault.NOT_DONE, 5)],
)
def test_a_commit_that_fails_or_is_not_answered_breaks_no_promise(
    new_system: NewSystem, name: str, fault: CommitFault, times: int
) -> None:
    for commit in range(MOST_EFFECTS):
        system = new_system(1)
        system.calm = False
        system.commit_faults.skip = commit
        system.commit_faults.planned += [fault] * times
        try:
            promises = live(system, dict(LIVES[name]))
            fail_if_broken(system, promises, f"{times} x {fault} from commit {commit} on")
            if system.commit_faults.met == 0:
                return
        finally:
            system.close()
    pytest.fail(f"more than {MOST_EFFECTS} commits")
