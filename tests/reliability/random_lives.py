"""How many random lives are tried, from which seed, and how a failure is repeated.

``TANDEM_RELIABILITY_PROFILE``: quick, ci (default) or deep. ``TANDEM_RELIABILITY_SEED``: the seed that a failure named.
``TANDEM_RELIABILITY_LIFE``: the one life that a failure named.
"""

import os
import re
import secrets
from collections import Counter
from collections.abc import Callable

import hypothesis
from hypothesis import HealthCheck, Phase, reproduce_failure, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability.machine import SystemMachine
from tests.reliability.system import System

CASES = {"quick": 60, "ci": 2000, "deep": 20_000}
PROFILE = os.environ.get("TANDEM_RELIABILITY_PROFILE") or "ci"
SEED = int(os.environ.get("TANDEM_RELIABILITY_SEED") or secrets.randbelow(10**9))
LIFE = os.environ.get("TANDEM_RELIABILITY_LIFE") or None
STEPS = 20

NewSystem = Callable[[int], System]

_LIFE_TOLD = re.compile(r"@reproduce_failure\('[^']*', b'([^']*)'\)")


def try_lives(
    new_system: NewSystem, cases: int, first_seed: int, *, shrink: bool = True, life: str | None = LIFE
) -> Counter[str]:
    """Try so many lives and give what happened in them. The first broken promise fails with its shortest story.

    With ``life`` only that one is lived again; it is a fault (Hypothesis' DidNotReproduce) when nothing breaks in it.
    """
    counted: Counter[str] = Counter()
    machine = type("Lives", (SystemMachine,), {"new_system": staticmethod(new_system), "counted": counted})
    seed(first_seed)(machine)
    if life is not None:
        reproduce_failure(hypothesis.__version__, life.encode())(machine)
    wanted = settings(
        max_examples=cases,
        stateful_step_count=STEPS,
        deadline=None,
        # Each run tries new lives; what a failure needs to be repeated is told with it.
        database=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=True,
    )
    try:
        run_state_machine_as_test(machine, settings=wanted)
    except BaseException as failure:
        for told in _LIFE_TOLD.findall("\n".join(getattr(failure, "__notes__", ()))):
            failure.add_note(f"live this one life again: TANDEM_RELIABILITY_LIFE='{told}', and the same test")
        failure.add_note(
            f"try the same lives again: TANDEM_RELIABILITY_SEED={SEED} TANDEM_RELIABILITY_PROFILE={PROFILE}"
        )
        raise
    return counted
