"""Loads on several engines, as their users ask for them and see them."""

from typing import Any

import pytest
from tandem.bootstrap import application
from tandem.domain.errors import EngineUnavailable
from tandem.domain.strategy import MAX_ENGINES
from tandem.services.start_load import StartNotConfirmed

from functions.operations.manage_engines import handler as manage
from tests.factories.kept_tasks import pending_task, running_task
from tests.fakes.engine_traps import Call, Fault, FaultKind, Traps
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import Api


@pytest.fixture
def definition(api: Api, definition_fields: dict[str, Any]) -> str:
    """A definition of 3 threads."""
    new_id: str = api.post("create_load_test_definition", **{**definition_fields, "threads": 3}).result
    return new_id


def divided_task(threads: int = 7) -> list[dict[str, Any]]:
    """Start a load on two engines; its parts as its task shows them."""
    pending_task(threads=threads, engines=2)
    application().start_load("et-1")
    return shown_parts()


def shown_parts() -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = Api().get("get_load_test_task", taskId="ldtask_1").result["parts"]
    return parts


def test_a_strategy_says_among_how_many_engines_its_load_is_divided(api: Api, definition: str) -> None:
    wanted = {"definitionId": definition, "experimentId": "e1"}
    new_id = api.post("create_load_test_strategy", **wanted, engines=3).result
    assert api.get("get_load_test_strategy", id=new_id).result["engines"] == 3
    assert api.post("update_load_test_strategy", id=new_id, enable=False).result["engines"] == 3
    assert api.post("update_load_test_strategy", id=new_id, engines=2).result["engines"] == 2
    assert api.post("update_load_test_strategy", id=new_id, engines=None).result["engines"] == 1
    assert api.post("query_load_test_strategies").result["data"][0]["engines"] == 1


@pytest.mark.parametrize("engines", [0, -1, MAX_ENGINES + 1, 1.5, "2", True])
def test_engines_that_cannot_be_are_refused(api: Api, definition: str, engines: object) -> None:
    answer = api.post("create_load_test_strategy", definitionId=definition, experimentId="e1", engines=engines)

    assert (answer.status, list(answer.fields)) == (422, ["engines"])


def test_more_engines_than_threads_are_refused_with_what_is_allowed(
    api: Api, definition: str, definition_fields: dict[str, Any]
) -> None:
    small = api.post("create_load_test_definition", **{**definition_fields, "name": "small", "threads": 2}).result
    wanted = {"definitionId": definition, "experimentId": "e1"}

    refused = api.post("create_load_test_strategy", **wanted, engines=4)
    assert (refused.status, refused.code) == (422, "INVALID_VALUE")
    assert refused.fields == {"engines": "must be at most 3: the definition has no more threads to divide"}
    new_id = api.post("create_load_test_strategy", **wanted, engines=3).result
    several = api.post("update_load_test_strategy", id=new_id, engines=4, startBeforeFaultSec=60)
    assert list(several.fields) == ["trafficDurationSec", "engines"]
    assert list(api.post("update_load_test_strategy", id=new_id, definitionId=small).fields) == ["engines"]
    moved = api.post("update_load_test_strategy", id=new_id, definitionId=small, engines=2).result
    assert (moved["definitionId"], moved["engines"]) == (small, 2)


def test_a_definition_may_lose_threads_that_a_strategy_counted_on(api: Api, definition: str) -> None:
    api.post("create_load_test_strategy", definitionId=definition, experimentId="e1", engines=3)

    assert api.post("update_load_test_definition", id=definition, threads=1).result["threads"] == 1


def test_a_load_on_one_engine_has_no_parts(api: Api, engine: TrapEngine) -> None:
    running_task(engine)

    assert api.get("get_load_test_task", taskId="ldtask_1").result["parts"] is None
    assert api.get("get_load_test_results", taskId="ldtask_1").result["parts"] is None


def test_a_load_has_no_parts_before_it_is_placed(api: Api) -> None:
    pending_task(threads=7, engines=2)

    assert api.get("get_load_test_task", taskId="ldtask_1").result["parts"] is None


def test_the_parts_say_what_of_the_load_is_where(
    pool: dict[str, Any], api: Api, engine: TrapEngine, second: TrapEngine
) -> None:
    parts = divided_task(threads=7)

    assert [part["threads"] for part in parts] == [4, 3]
    assert {part["engine"] for part in parts} == {"default", "second"}
    for part in parts:
        fake = second if part["engine"] == "second" else engine
        assert {part["executionId"]} == fake.running()
        assert part["status"] == "RUNNING"
        assert part["startTime"].endswith("+00:00")
        assert part["resultPath"].endswith("results.jtl")
        assert (part["endTime"], part["endReason"]) == (None, None)
    task = api.get("get_load_test_task", taskId="ldtask_1").result
    first = ("executionId", "resultPath", "reportPath", "logPath")
    assert {name: task[name] for name in first} == {name: parts[0][name] for name in first}
    assert api.get("get_load_test_results", taskId="ldtask_1").result["parts"] == parts
    assert api.post("query_load_test_tasks").result["data"][0]["parts"] == parts


def test_a_part_that_no_engine_took_yet_is_pending(pool: dict[str, Any], api: Api, second: TrapEngine) -> None:
    second.add_fault(Fault(FaultKind.DO_AND_CUT, on=frozenset({Call.START})))
    pending_task(threads=2, engines=2)
    with pytest.raises(StartNotConfirmed):
        application().start_load("et-1")

    parts = {part["engine"]: part for part in shown_parts()}
    assert {name: part["status"] for name, part in parts.items()} == {"default": "RUNNING", "second": "PENDING"}
    assert {parts["second"][name] for name in ("executionId", "startTime", "resultPath")} == {None}
    assert api.get("get_load_test_task", taskId="ldtask_1").result["status"] == "PENDING"


def test_a_part_that_was_lost_says_why_and_the_others_are_stopped(
    pool: dict[str, Any], api: Api, engine: TrapEngine, second: TrapEngine
) -> None:
    second.set_traps(Traps(dies_after_seconds=5))
    divided_task()
    second.advance(6)
    api.post("sync_load_test_task_status", taskId="ldtask_1")

    parts = {part["engine"]: part for part in shown_parts()}
    assert parts["second"]["status"] == "FAILED"
    assert parts["second"]["endReason"].startswith("the run failed at the engine")
    assert parts["second"]["endTime"] is not None
    assert parts["default"]["status"] == "RUNNING"
    task = api.get("get_load_test_task", taskId="ldtask_1").result
    assert (task["status"], task["errorMessage"]) == (
        "FAILED",
        f"{parts['second']['endReason']} (engine second)",
    )

    application().stop_load("et-1")
    assert engine.running() == set()
    parts = {part["engine"]: part for part in shown_parts()}
    assert (parts["second"]["status"], parts["default"]["status"]) == ("FAILED", "FAILED")
    assert "stopped because" in parts["default"]["endReason"]


def test_one_engine_too_few_starts_nothing(pool: dict[str, Any], api: Api, engine: TrapEngine) -> None:
    manage({"action": "drain", "name": "second"}, None)
    pending_task(threads=2, engines=2)

    with pytest.raises(EngineUnavailable, match="fewer than 2 further engines have room"):
        application().start_load("et-1")

    assert api.get("get_load_test_task", taskId="ldtask_1").result["parts"] is None
    assert engine.running() == set()


READERS = ("get_load_test_results", "get_load_test_timeseries", "get_load_test_events")


@pytest.mark.parametrize("dead", [0, 1])
def test_while_one_engine_is_dead_the_others_tell_and_it_is_named(
    dead: int, pool: dict[str, Any], api: Api, engine: TrapEngine, second: TrapEngine
) -> None:
    parts = divided_task()
    both = {name: api.get(name, taskId="ldtask_1").result for name in READERS}
    name = parts[dead]["engine"]
    (second if name == "second" else engine).go_down()
    one = {name: api.get(name, taskId="ldtask_1") for name in READERS}

    assert {answer.status for answer in one.values()} == {200}
    assert [whole["missingParts"] for whole in both.values()] == [[]] * 3
    assert [answer.result["missingParts"] for answer in one.values()] == [[name]] * 3
    results = one["get_load_test_results"].result
    assert results["summary"]["samples"] > 0
    assert (results["status"], results["final"], results["verdict"]) == ("RUNNING", False, None)
    assert one["get_load_test_timeseries"].result["throughput"]
    assert f'"engine": "{name}"' in str(both["get_load_test_events"]["events"])
    assert f'"engine": "{name}"' not in str(one["get_load_test_events"].result["events"])


def test_with_all_engines_dead_nothing_can_be_said(
    pool: dict[str, Any], api: Api, engine: TrapEngine, second: TrapEngine
) -> None:
    divided_task()
    engine.go_down()
    second.go_down()
    assert {api.get(name, taskId="ldtask_1").status for name in READERS} == {503}
