"""What a gate measured and how the load's machines fared, kept on both kinds of database."""

from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.gate import GateFigures
from tandem.domain.generator_health import GeneratorHealth
from tandem.domain.live_metrics import RecentFigures, TopError
from tandem.domain.load_engine import EngineStatus
from tandem.domain.strategy import Gate

from tests.factories.experiments import NOON, definition, engine_run, run, seconds_after_noon, started_run, strategy

FIGURES = GateFigures(
    samples=71,
    seconds=4,
    recent=RecentFigures(3, 54, 54, 1.0, 18.0, 7.5),
    top_error=TopError("503", "Service Unavailable “忙”", 71),
    set_up_samples=2,
    silent=("second",),
)
HEALTH = GeneratorHealth(cores=2, cpu_mean=0.25, heap_used_bytes=5_000_000_000, thread_deaths=2, first_death="Out")


def test_the_figures_of_a_gate_and_a_generator_come_back_as_they_were(database: SqlDatabase) -> None:
    kept = started_run()
    kept.measure_gate(FIGURES)
    kept.learn(engine_run(EngineStatus.RUNNING, generator=HEALTH), seconds_after_noon(5), is_sweep=True)
    database.write(lambda uow: uow.runs.add(kept))
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert found is not None
    assert found.gate_figures == FIGURES
    assert found.generators == {kept.engine_name: HEALTH}
    assert found.generator == HEALTH


def test_a_run_of_which_nothing_was_measured_has_no_figures(database: SqlDatabase) -> None:
    database.write(lambda uow: uow.runs.add(run()))
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert found is not None
    assert (found.gate_figures, found.generator) == (None, None)


def test_what_a_strategy_says_of_its_gate_is_kept_and_what_it_does_not_say_too(database: SqlDatabase) -> None:
    gates = [Gate(), Gate(30, 2.5, 1.0, 5, 0)]
    database.write(lambda uow: uow.definitions.add(definition()))
    for number, gate in enumerate(gates):
        kept = strategy(strategy_id=f"lstrategy_{number}", experiment_id=f"e{number}", gate=gate)
        database.write(lambda uow, kept=kept: uow.strategies.add(kept))  # type: ignore[misc]
    found = database.read(
        lambda uow: [uow.strategies.live_for_experiment(strategy().owner, f"e{number}") for number in range(2)]
    )
    assert [each and each.gate for each in found] == gates


def test_a_plan_that_was_kept_before_there_were_defaults_gets_them(database: SqlDatabase) -> None:
    """Its JSON text holds what a strategy said then, and null for what it did not."""
    kept = run()
    database.write(lambda uow: uow.runs.add(kept))
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert found is not None
    assert found.required_plan.strategy.gate.bounds.max_error_rate == 0.5
    assert found.created_at == NOON
