"""Each safety taken out in turn: the random lives must notice, or they would prove nothing."""

import pytest

from tests.fakes.engine_traps import Call, Fault, FaultKind
from tests.reliability.mutants import MUTANTS, RARE_MUTANTS, Patch
from tests.reliability.promises import Promises
from tests.reliability.random_lives import SEED, NewSystem, try_lives
from tests.reliability.system import LIST_LIMIT, System

WITHIN_CASES = 1000


@pytest.mark.slow
@pytest.mark.mutants
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


def a_lost_start_and_a_stop(system: System, others: int) -> Promises:
    """A start whose answer was lost, behind loads of others, a stop by the user, and five minutes of sweeps."""
    promises = Promises(system)
    system.trap_engine.add_fault(Fault(FaultKind.DO_AND_CUT, on=frozenset({Call.START})))
    system.trap_engine.add_fault(Fault(FaultKind.ERROR_500, on=frozenset({Call.LIST}), calls=None))
    system.start_experiment(1, traffic_duration_sec=600)
    system.simulation.run_for(5)
    system.others_start_loads(others, seconds=900)
    system.trap_engine.clear_faults()
    system.stop_by_user(1)
    for _ in range(10):
        system.simulation.run_for(30)
        system.sweep()
    promises.check_owned()
    system.close()
    return promises


@pytest.mark.parametrize("others", [0, LIST_LIMIT])
def test_the_life_made_for_rare_mutants_breaks_nothing_by_itself(new_system: NewSystem, others: int) -> None:
    assert a_lost_start_and_a_stop(new_system(1), others).broken == []


@pytest.mark.parametrize(("name", "others"), [("load_not_looked_for_by_name", 0), ("a_full_list_believed", LIST_LIMIT)])
def test_a_rare_mutant_is_caught(
    new_system: NewSystem, monkeypatch: pytest.MonkeyPatch, name: str, others: int
) -> None:
    RARE_MUTANTS[name](monkeypatch)
    assert a_lost_start_and_a_stop(new_system(1), others).broken != []
