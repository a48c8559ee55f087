"""Each safety taken out in turn: a life made for it must break a promise, or the promises would prove nothing."""

import inspect
from collections.abc import Callable
from typing import Any, cast

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


class Recorder:
    """Takes note of what a mutant replaces, and by what, and replaces nothing."""

    def __init__(self) -> None:
        self.replaced: list[tuple[Any, Any]] = []

    def setattr(self, target: Any, name: str, value: Any) -> None:
        self.replaced.append((inspect.getattr_static(target, name), value))


def positional(function: Callable[..., Any]) -> tuple[int, bool]:
    """How many parameters are given by their place, and whether it takes any number of them."""
    kinds = [each.kind for each in inspect.signature(function).parameters.values()]
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(kind in by_place for kind in kinds), inspect.Parameter.VAR_POSITIONAL in kinds


@pytest.mark.parametrize("apply", MUTANTS.values(), ids=MUTANTS.keys())
def test_a_mutant_takes_what_the_original_takes(apply: Patch) -> None:
    """One that fails at being called takes out more than its safety: the lives would prove something else."""
    recorder = Recorder()
    apply(cast(pytest.MonkeyPatch, recorder))
    assert recorder.replaced
    for original, mutant in recorder.replaced:
        if inspect.isfunction(original) and inspect.isfunction(mutant):
            number, takes_any = positional(mutant)
            assert takes_any or number == positional(original)[0], (original, mutant)


@pytest.mark.parametrize("name", MUTANTS)
def test_its_lives_break_nothing_as_long_as_the_safety_is_there(new_system: NewSystem, name: str) -> None:
    assert broken_promises(new_system, name) == []


@pytest.mark.parametrize(("name", "apply"), MUTANTS.items(), ids=MUTANTS.keys())
def test_a_mutant_is_caught(new_system: NewSystem, name: str, apply: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(monkeypatch)
    broken = broken_promises(new_system, name)
    print(broken)
    assert broken
