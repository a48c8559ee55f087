"""How many random lives are tried, from which seed, and how a failure is repeated.

``TANDEM_RELIABILITY_PROFILE``: quick, ci (default) or deep. ``TANDEM_RELIABILITY_SEED``: the seed that a failure named.
"""

import os
import secrets
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability.machine import SystemMachine
from tests.reliability.system import System

CASES = {"quick": 60, "ci": 1000, "deep": 20_000}
PROFILE = os.environ.get("TANDEM_RELIABILITY_PROFILE") or "ci"
SEED = int(os.environ.get("TANDEM_RELIABILITY_SEED") or secrets.randbelow(10**9))
STEPS = 20

NewSystem = Callable[[int], System]


def try_lives(new_system: NewSystem, cases: int, first_seed: int, *, shrink: bool = True) -> Counter[str]:
    """Try so many lives and give what happened in them. The first broken promise fails with its shortest story."""
    counted: Counter[str] = Counter()
    machine = type("Lives", (SystemMachine,), {"new_system": staticmethod(new_system), "counted": counted})
    seed(first_seed)(machine)
    wanted = settings(
        max_examples=cases,
        stateful_step_count=STEPS,
        deadline=None,
        # Each run tries new lives; what a failure needs to be repeated is its seed.
        database=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    try:
        run_state_machine_as_test(machine, settings=wanted)
    except BaseException as failure:
        failure.add_note(f"repeat it with TANDEM_RELIABILITY_SEED={SEED} TANDEM_RELIABILITY_PROFILE={PROFILE}")
        raise
    return counted
