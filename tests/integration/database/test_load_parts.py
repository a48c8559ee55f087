"""Loads on several engines in the database: kept with their run, read by the sweep, counted as room taken."""

from tandem.adapters.database.housekeeping import SqlHousekeeping
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.engine_pool import Occupancy
from tandem.domain.experiment_run import ExperimentRun, Outcome, RunPlan
from tandem.domain.load_engine import EngineStatus, StatusAnswer
from tandem.domain.ports import UnitOfWork
from tandem_samples import GroupKind, ThreadGroup

from tests.factories.experiments import NOON, definition, engine_run, run, seconds_after_noon, started_run, strategy


def on_two_engines() -> ExperimentRun:
    fresh = run()
    fresh.plan = RunPlan(strategy(engines=2), definition(threads=7))
    fresh.place_on(["engine-a", "engine-b"], NOON)
    fresh.attempt_start(NOON)
    fresh.accept_load(engine_run(execution_id="run-a"), 120, NOON, on="engine-a")
    fresh.accept_load(engine_run(execution_id="run-b"), 120, NOON, on="engine-b")
    return fresh


def keep(database: SqlDatabase, *runs: ExperimentRun) -> None:
    def add(uow: UnitOfWork) -> None:
        for each in runs:
            uow.runs.add(each)

    database.write(add)


def tell(database: SqlDatabase, **answers: StatusAnswer) -> None:
    """What the engines a and b say half a minute after noon, kept."""

    def learn(uow: UnitOfWork) -> None:
        locked = uow.runs.lock("et-1")
        assert locked is not None
        said = {f"engine-{name}": answer for name, answer in answers.items()}
        locked.learn_all(said, seconds_after_noon(30), is_sweep=True)
        uow.runs.save([locked])

    database.write(learn)


def test_the_parts_come_back_as_they_were(database: SqlDatabase) -> None:
    kept = on_two_engines()
    kept.learn_all({"engine-a": engine_run(EngineStatus.COMPLETED)}, seconds_after_noon(30), is_sweep=True)
    keep(database, kept)
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert found is not None
    assert found.parts == kept.parts
    assert found.parts[0].end is not None


def test_a_change_of_one_part_is_saved(database: SqlDatabase) -> None:
    keep(database, on_two_engines())

    tell(database, b=None)
    found = database.read(lambda uow: uow.runs.get("et-1"))
    assert found is not None
    assert [part.missing_sweeps for part in found.parts] == [0, 1]


def test_the_sweep_reads_where_all_parts_are(database: SqlDatabase) -> None:
    keep(database, on_two_engines(), started_run(task_id="ldtask_2", experiment_task_id="et-2"))
    [divided, whole] = database.read(lambda uow: uow.runs.unsettled(10))
    assert divided.known_loads == [("engine-a", "run-a"), ("engine-b", "run-b")]
    assert whole.known_loads == [("default", "0a1b2c3d")]


def test_every_part_takes_room_on_its_engine_until_it_is_over(database: SqlDatabase) -> None:
    whole = started_run(task_id="ldtask_2", experiment_task_id="et-2")
    whole.engine, whole.threads = "engine-a", 5
    keep(database, on_two_engines(), whole)
    assert database.read(lambda uow: uow.engines.occupancies()) == {
        "engine-a": Occupancy(2, 9),
        "engine-b": Occupancy(1, 3),
    }

    tell(database, a=engine_run(EngineStatus.COMPLETED))
    assert database.read(lambda uow: uow.engines.occupancies()) == {
        "engine-a": Occupancy(1, 5),
        "engine-b": Occupancy(1, 3),
    }


def test_the_results_of_all_parts_are_deleted_with_the_task(database: SqlDatabase) -> None:
    over = on_two_engines()
    ends = {name: engine_run(EngineStatus.COMPLETED) for name in ("engine-a", "engine-b")}
    over.learn_all(ends, seconds_after_noon(600), is_sweep=False)
    over.finish(Outcome.SUCCEEDED, None, seconds_after_noon(601))
    keep(database, over)
    [expired] = SqlHousekeeping(database).expired_tasks(seconds_after_noon(10**6), 0, 10)
    assert expired.loads == (("engine-a", "run-a"), ("engine-b", "run-b"))


def test_the_thread_groups_of_a_plan_are_kept_with_the_run(database: SqlDatabase) -> None:
    fresh = on_two_engines()
    fresh.know_thread_groups([ThreadGroup("准备 1-1", GroupKind.SETUP), ThreadGroup("Users", GroupKind.MAIN)])
    database.write(lambda uow: uow.runs.add(fresh))
    kept = database.read(lambda uow: uow.runs.get(fresh.experiment_task_id))
    assert kept is not None
    assert kept.required_plan.thread_groups == fresh.required_plan.thread_groups
