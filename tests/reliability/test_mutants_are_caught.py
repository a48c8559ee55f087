"""Each safety taken out in turn: a life made for it must break a promise, or the promises would prove nothing."""

import pytest

from tests.reliability.conftest import NewSystem
from tests.reliability.directed_lives import LIVES_OF
from tests.reliability.mutants import MUTANTS, Patch

A_SEED = 1


def broken_promises(new_system: NewSystem, name: str) -> list[str]:
    """What breaks in the first of the mutant's lives in which something does."""
    for life in LIVES_OF[name]:
        system = new_system(A_SEED)
        try:
            if broken := life(system).broken:
                return broken
        finally:
            system.close()
    return []


def test_each_mutant_has_lives_and_each_life_a_mutant() -> None:
    assert set(LIVES_OF) == set(MUTANTS)


@pytest.mark.parametrize("name", MUTANTS)
def test_its_lives_break_nothing_as_long_as_the_safety_is_there(new_system: NewSystem, name: str) -> None:
    assert broken_promises(new_system, name) == []


@pytest.mark.parametrize(("name", "apply"), MUTANTS.items(), ids=MUTANTS.keys())
def test_a_mutant_is_caught(new_system: NewSystem, name: str, apply: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(monkeypatch)
    broken = broken_promises(new_system, name)
    print(broken)
    assert broken
