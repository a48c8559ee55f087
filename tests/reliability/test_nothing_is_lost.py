"""Random lives of the whole system: whatever fails on the way, in the end every promise was kept.

docs/reliability.md says what is promised and how to repeat a failure.
"""

from collections import Counter

import pytest

from tests.reliability.random_lives import CASES, PROFILE, SEED, NewSystem, try_lives

# What has to occur in enough lives, or they would prove nothing.
MUST_OCCUR = (
    "kills",
    "commit faults",
    "engine faults",
    "stops asked of the engine",
    "windows with a proven load",
    "windows without",
    "aborts",
    "ended before its start",
    "loads in parts that ran",
    "loads in parts of which not all engines took theirs",
    "loads in parts that were lost",
    "fault COMPLETED",
    "fault STOPPED",
    "task SUCCEEDED",
    "task FAILED",
    "task STOPPED",
    "workflow SUCCEEDED",
    "workflow FAILED",
    "workflow LOST",
)


def _try(new_system: NewSystem, part: int) -> None:
    print(f"TANDEM_RELIABILITY_SEED={SEED} TANDEM_RELIABILITY_PROFILE={PROFILE}")
    counted: Counter[str] = try_lives(new_system, CASES[PROFILE] // 2, SEED * 2 + part)
    print(", ".join(f"{name}: {count}" for name, count in sorted(counted.items())))
    if counted["cases"] >= 400:
        assert [name for name in MUST_OCCUR if counted[name] == 0] == []


# Two classes, so that two workers of pytest-xdist share them.
@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
class TestFirstHalf:
    def test_no_promise_is_broken(self, new_system: NewSystem) -> None:
        _try(new_system, 0)


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
class TestSecondHalf:
    def test_no_promise_is_broken(self, new_system: NewSystem) -> None:
        _try(new_system, 1)


@pytest.mark.slow
@pytest.mark.database
class TestOnAServer:
    def test_no_promise_is_broken(self, new_system_on_a_server: NewSystem) -> None:
        try_lives(new_system_on_a_server, CASES[PROFILE] // 20, SEED)


@pytest.mark.slow
class TestOverHttp:
    def test_no_promise_is_broken(self, new_system_over_http: NewSystem) -> None:
        """The engine's client speaks real HTTP; the faults that would take real time are left out."""
        try_lives(new_system_over_http, 60, SEED)
