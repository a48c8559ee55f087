"""Each safety taken out in turn: the random lives must notice, or they would prove nothing."""

import pytest

from tests.reliability.mutants import MUTANTS, Patch
from tests.reliability.random_lives import SEED, NewSystem, try_lives

WITHIN_CASES = 1000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("apply", MUTANTS.values(), ids=MUTANTS.keys())
def test_a_mutant_is_caught(new_system: NewSystem, apply: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(monkeypatch)
    made: list[int] = []

    def counted(seed: int) -> object:
        made.append(seed)
        return new_system(seed)

    with pytest.raises(AssertionError) as caught:
        try_lives(counted, WITHIN_CASES, SEED, shrink=False)  # type: ignore[arg-type]
    print(f"caught after {len(made)} cases: {str(caught.value)[:200]}")
