"""Many engines: where loads go, that they stay there, and how engines come and go."""

from typing import Any

import pytest
from pydantic import ValidationError
from tandem.bootstrap import application
from tandem.domain.engine_entry import EngineEntry, EngineState
from tandem.domain.engine_pool import EngineInUse, EngineUnknown, Occupancy, PooledEngine, with_most_room
from tandem.domain.errors import EngineUnavailable, InvalidValue
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.task import TaskStatus
from tandem.services.start_load import StartNotConfirmed

from functions.operations.manage_engines import handler as manage
from tests.factories.kept_tasks import pending_task
from tests.fakes.engine_traps import Call, Fault, FaultKind
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import Api


def start(name: str) -> ExperimentRun:
    """Start the load of a new task; what the workflow's step does."""
    pending_task(name)
    application().start_load(f"et-{name}")
    return seen(name)


def seen(name: str) -> ExperimentRun:
    run = application().database.read(lambda uow: uow.runs.get(f"et-{name}"))
    assert run is not None
    return run


def standing(name: str) -> dict[str, Any]:
    return {each["name"]: dict(each) for each in manage({"action": "list"}, None)["engines"]}[name]


def test_a_pool_of_one_needs_no_row(api: Api, engine: TrapEngine) -> None:
    run = start("1")
    assert run.engine == "default"
    assert run.started_task.status is TaskStatus.RUNNING
    assert manage({"action": "list"}, None) == {
        "engines": [
            {
                "name": "default",
                "url": engine.url,
                "state": "active",
                "maxLoads": None,
                "maxThreads": None,
                "loads": 1,
                "threads": 1,
            }
        ]
    }


def test_loads_are_spread_and_each_stays_where_it_was_started(
    pool: dict[str, Any], api: Api, engine: TrapEngine, second: TrapEngine
) -> None:
    runs = {name: start(name) for name in ("1", "2", "3", "4")}
    placed = [run.engine for run in runs.values()]
    assert sorted(placed, key=str) == ["default", "default", "second", "second"]
    for name, run in runs.items():
        fake = second if run.engine == "second" else engine
        assert run.started_task.execution_id in fake.running()
        # Its plan went there too, and its state, its events and its results are asked for there.
        assert api.post("sync_load_test_task_status", taskId=f"ldtask_{name}").result["status"] == "RUNNING"
        assert api.get("get_load_test_events", taskId=f"ldtask_{name}").status == 200
        assert api.get("get_load_test_results", taskId=f"ldtask_{name}").status == 200
    assert len(engine.calls_of(Call.START)) == len(second.calls_of(Call.START)) == 2


def test_a_stop_goes_to_the_engine_of_the_load(
    pool: dict[str, Any], api: Api, engine: TrapEngine, second: TrapEngine
) -> None:
    runs = [start(name) for name in ("1", "2")]
    [there] = [run for run in runs if run.engine == "second"]
    api.post("stop_load_test_task", taskId=there.started_task.task_id)
    application().stop_load(there.experiment_task_id)
    assert second.running() == set()
    assert len(engine.running()) == 1


def test_an_engine_that_certainly_did_not_start_the_load_makes_room_for_another(
    pool: dict[str, Any], engine: TrapEngine, second: TrapEngine
) -> None:
    engine.go_down()
    runs = [start(name) for name in ("1", "2", "3")]
    assert [run.engine for run in runs] == ["second"] * 3
    assert all(run.started_task.status is TaskStatus.RUNNING for run in runs)
    assert len(second.running()) == 3


def test_a_full_engine_turns_the_load_away_to_another(
    pool: dict[str, Any], engine: TrapEngine, second: TrapEngine
) -> None:
    second.add_fault(Fault(FaultKind.BUSY_503, on=frozenset({Call.START}), calls=None))
    assert [start(name).engine for name in ("1", "2")] == ["default", "default"]
    assert second.running() == set()


def test_a_load_that_may_have_started_is_never_started_elsewhere(
    pool: dict[str, Any], engine: TrapEngine, second: TrapEngine
) -> None:
    for fake in (engine, second):
        fake.add_fault(Fault(FaultKind.DO_AND_CUT, on=frozenset({Call.START})))
    pending_task("1")
    with pytest.raises(StartNotConfirmed):
        application().start_load("et-1")
    where = seen("1").engine
    application().start_load("et-1")
    assert seen("1").engine == where
    assert seen("1").started_task.status is TaskStatus.RUNNING
    assert len(engine.running() | second.running()) == 1


def test_a_draining_engine_gets_no_new_load_and_its_old_ones_live_on(
    pool: dict[str, Any], engine: TrapEngine, second: TrapEngine
) -> None:
    runs = [start(name) for name in ("1", "2")]
    manage({"action": "drain", "name": "default"}, None)
    assert [start(name).engine for name in ("3", "4")] == ["second", "second"]
    assert len(engine.running()) == 1
    assert application().sync_tasks().engine_silent == 0
    assert seen(runs[0].experiment_task_id.removeprefix("et-")).started_task.status is TaskStatus.RUNNING
    manage({"action": "activate", "name": "default"}, None)
    assert start("5").engine == "default"


def test_with_no_engine_that_takes_loads_the_start_is_tried_again(pool: dict[str, Any]) -> None:
    for name in ("default", "second"):
        manage({"action": "drain", "name": name}, None)
    pending_task("1")
    with pytest.raises(EngineUnavailable, match="no engine has room"):
        application().start_load("et-1")
    manage({"action": "activate", "name": "second"}, None)
    application().start_load("et-1")
    assert seen("1").engine == "second"


def test_limits_bound_what_is_placed(pool: dict[str, Any], second: TrapEngine) -> None:
    manage({"action": "put", "name": "second", "url": second.url, "maxLoads": 1}, None)
    manage({"action": "put", "name": "default", "maxLoads": 2}, None)
    assert sorted(str(start(name).engine) for name in ("1", "2", "3")) == ["default", "default", "second"]
    pending_task("4")
    with pytest.raises(EngineUnavailable, match="no engine has room"):
        application().start_load("et-4")


def test_an_engine_with_loads_is_not_removed(pool: dict[str, Any], api: Api, second: TrapEngine) -> None:
    runs = [start(name) for name in ("1", "2")]
    with pytest.raises(EngineInUse, match="has 1 loads"):
        manage({"action": "remove", "name": "second"}, None)
    [there] = [run for run in runs if run.engine == "second"]
    api.post("stop_load_test_task", taskId=there.started_task.task_id)
    application().stop_load(there.experiment_task_id)
    application().finish_experiment(there.experiment_task_id, Outcome.STOPPED)
    assert standing("second")["loads"] == 0
    assert [each["name"] for each in manage({"action": "remove", "name": "second"}, None)["engines"]] == ["default"]


def test_a_dead_engine_is_named_by_the_health_check(pool: dict[str, Any], api: Api, second: TrapEngine) -> None:
    assert api.get("get_system_health").result["engines"] == {"default": "UP", "second": "UP"}
    second.go_down()
    answer = api.get("get_system_health")
    assert answer.status == 503
    assert set(answer.fields) == {"engine second"}


def test_a_load_on_an_engine_that_is_gone_from_the_pool_stays_as_it_is(pool: dict[str, Any], api: Api) -> None:
    runs = [start(name) for name in ("1", "2")]
    [there] = [run for run in runs if run.engine == "second"]
    application().database.write(lambda uow: uow.engines.remove("second"))
    vars(application()).pop("engines")
    vars(application()).pop("sync_tasks", None)
    report = application().sync_tasks()
    assert report.engine_silent == 1
    key = there.started_task.task_id
    answer = api.post("sync_load_test_task_status", taskId=key)
    assert (answer.status, api.get("get_load_test_task", taskId=key).result["status"]) == (503, "RUNNING")


@pytest.mark.parametrize(
    "command",
    [
        {"action": "put", "name": "Up", "url": "http://h"},
        {"action": "put", "name": "a", "url": "ftp://h"},
        {"action": "put", "name": "a", "url": "http://user@h"},
        {"action": "put", "name": "a", "url": "http://h", "maxLoads": 0},
        {"action": "put", "name": "a", "url": "http://h", "maxThreads": -1},
    ],
)
def test_an_engine_that_cannot_be_is_refused(api: Api, command: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as refusal:
        manage(command, None)
    assert refusal.value.details


def test_what_is_no_command_is_refused(api: Api) -> None:
    for command in ({}, {"action": "explode"}, {"action": "list", "nmae": "x"}):
        with pytest.raises(ValidationError):
            manage(command, None)
    for command in ({"action": "drain", "name": "none"}, {"action": "remove", "name": "none"}):
        with pytest.raises(EngineUnknown):
            manage(command, None)
    with pytest.raises(EngineUnknown, match="give its url"):
        manage({"action": "put", "name": "new"}, None)


def test_the_most_room_is_counted_in_shares_of_the_tighter_limit() -> None:
    small = PooledEngine("small", "http://s", max_threads=100)
    large = PooledEngine("large", "http://l", max_threads=1_000, max_loads=10)
    assert with_most_room([small, large], {"large": Occupancy(4, 100)}, 10) == small
    assert with_most_room([small, large], {"small": Occupancy(1, 60), "large": Occupancy(4, 100)}, 10) == large
    assert with_most_room([small, large], {"large": Occupancy(10, 100)}, 200) == small
    assert with_most_room([small], {"small": Occupancy(1, 1)}, 200) is None
    assert with_most_room([small, large], {}, 10, but_not={"small", "large"}) is None
    drained = PooledEngine("large", "http://l", EngineState.DRAINING)
    assert with_most_room([drained], {}, 1) is None


def test_an_entry_of_the_database_has_the_last_word(api: Api, second: TrapEngine) -> None:
    application().database.write(
        lambda uow: uow.engines.put(EngineEntry("default", second.url), application().clock.now())
    )
    assert start("1").engine == "default"
    assert len(second.running()) == 1
