"""A broken promise names the life in which it broke, and that life can be lived again."""

import re

import pytest

from tests.reliability.conftest import NewSystem
from tests.reliability.promises import Promises
from tests.reliability.random_lives import try_lives


def test_a_failure_says_how_to_live_that_life_again(new_system: NewSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    def never_content(self: Promises) -> None:
        self.demand(kept=not self._system.trap_engine._begun, words="a load was begun")

    monkeypatch.setattr(Promises, "check_in_the_end", never_content)
    with pytest.raises(AssertionError) as first:
        try_lives(new_system, 50, 1, shrink=False, life=None)
    [life] = re.findall("TANDEM_RELIABILITY_LIFE='([^']+)'", "\n".join(first.value.__notes__))
    seeds: list[int] = []

    def noted(seed: int) -> object:
        seeds.append(seed)
        return new_system(seed)

    with pytest.raises(AssertionError) as again:
        try_lives(noted, 50, 2, shrink=False, life=life)  # type: ignore[arg-type]
    assert str(again.value) == str(first.value)
    # Hypothesis may live it a second time to be sure that it fails; never another one.
    assert len(set(seeds)) == 1
