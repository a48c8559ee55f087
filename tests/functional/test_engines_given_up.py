"""Engines whose machine is gone: an operator takes them out of the pool, and what they ran is settled without them."""

from typing import Any

import pytest
from pydantic import ValidationError
from tandem.bootstrap import application
from tandem.domain.engine_pool import EngineInUse, EngineUnknown
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.ports import UnitOfWork
from tandem.domain.task import TaskStatus

from functions.operations.manage_engines import handler as manage
from tests.factories.kept_tasks import pending_task
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import Api, stored_objects
from tests.functional.test_archive import archive

REASON = "engine {} was removed while its load ran; the stop was never confirmed"


def begun(name: str, on: str, engines: int = 1) -> ExperimentRun:
    """A task whose load runs on that engine, or on both."""
    other = "default" if on == "second" else "second"
    if engines == 1:
        manage({"action": "drain", "name": other}, None)
    pending_task(name, threads=2, engines=engines)
    application().start_load(f"et-{name}")
    manage({"action": "activate", "name": other}, None)
    run = seen(name)
    assert run.started_task.status is TaskStatus.RUNNING
    return run


def seen(name: str) -> ExperimentRun:
    run = application().database.read(lambda uow: uow.runs.get(f"et-{name}"))
    assert run is not None
    return run


def overdue(name: str) -> None:
    """The task ends at its deadline, and its stop is not confirmed."""

    def end(uow: UnitOfWork) -> None:
        run = uow.runs.lock(f"et-{name}")
        assert run is not None
        run.pass_deadline(application().clock.now())
        uow.runs.save([run])

    application().database.write(end)


def give_up(name: str) -> dict[str, dict[str, Any]]:
    answer = manage({"action": "remove", "name": name, "force": True}, None)
    return {each["name"]: dict(each) for each in answer["engines"]}


def notes(name: str) -> str:
    return str(application().database.read(lambda uow: uow.audit.of_task(f"ldtask_{name}")))


def reasons(results: dict[str, Any]) -> dict[str, Any]:
    return {reason["code"]: reason["values"] for reason in results["verdict"]["reasons"]}


def test_a_load_on_an_engine_that_is_gone_is_lost_and_its_run_settled(
    pool: dict[str, Any], api: Api, engine: TrapEngine, second: TrapEngine
) -> None:
    begun("1", "second")
    begun("2", "default")
    second.go_down()
    with pytest.raises(EngineInUse):
        manage({"action": "remove", "name": "second"}, None)

    assert set(give_up("second")) == {"default"}

    task = api.get("get_load_test_task", taskId="ldtask_1").result
    assert (task["status"], task["errorMessage"]) == ("FAILED", REASON.format("second"))
    assert "an operator says that the machine is gone" in notes("1")
    assert not seen("1").stop_pending
    application().finish_experiment("et-1", Outcome.STOPPED)
    assert seen("1").settled
    assert archive()
    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert (results["final"], results["missingParts"], results["verdict"]["status"]) == (
        True,
        ["second"],
        "INCONCLUSIVE",
    )
    assert "PART_MISSING" in reasons(results)
    assert "archive/ldtask_1/analysis.json" in stored_objects()
    # The other engine's load is nobody's concern.
    assert (seen("2").started_task.status, seen("2").stop_requested_at) == (TaskStatus.RUNNING, None)
    assert len(engine.running()) == 1


def test_a_task_that_has_ended_keeps_its_state_and_nobody_waits_for_its_stop(
    pool: dict[str, Any], api: Api, second: TrapEngine
) -> None:
    begun("1", "second")
    second.go_down()
    overdue("1")
    application().finish_experiment("et-1", Outcome.SUCCEEDED)
    assert seen("1").stop_pending
    assert not seen("1").settled

    give_up("second")

    run = seen("1")
    assert (run.started_task.status, run.settled, run.removed_engines) == (TaskStatus.TIMEOUT, True, ["second"])
    assert REASON.format("second") in notes("1")
    assert archive()
    assert "archive/ldtask_1/analysis.json" in stored_objects()


def test_of_a_load_on_two_engines_the_rest_is_stopped_and_kept(
    pool: dict[str, Any], api: Api, engine: TrapEngine, second: TrapEngine
) -> None:
    begun("1", "second", engines=2)
    engine.advance(5)
    second.go_down()

    give_up("second")

    run = seen("1")
    assert (run.started_task.status, run.started_task.error_message) == (TaskStatus.FAILED, REASON.format("second"))
    assert run.stop_pending
    assert archive()
    assert stored_objects() == []
    application().stop_load("et-1")
    application().finish_experiment("et-1", Outcome.STOPPED)
    assert engine.running() == set()
    assert seen("1").settled
    parts = {part["engine"]: part for part in api.get("get_load_test_task", taskId="ldtask_1").result["parts"]}
    assert (parts["second"]["status"], parts["second"]["endReason"]) == ("FAILED", REASON.format("second"))
    assert archive()
    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert (results["final"], results["missingParts"]) == (True, ["second"])
    assert results["summary"]["samples"] > 0
    assert results["verdict"]["status"] == "INCONCLUSIVE"
    assert reasons(results)["STOP_NOT_CONFIRMED"] == {"engines": ["second"]}


def test_an_engine_of_the_settings_stays_in_the_pool_and_takes_no_loads(
    pool: dict[str, Any], api: Api, engine: TrapEngine
) -> None:
    begun("1", "default")
    engine.go_down()

    assert give_up("default")["default"]["state"] == "draining"

    application().finish_experiment("et-1", Outcome.STOPPED)
    assert (seen("1").started_task.status, seen("1").settled) == (TaskStatus.FAILED, True)
    assert archive()
    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert (results["final"], results["missingParts"]) == (True, ["default"])


def test_giving_up_goes_on_where_it_died(pool: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1", "2"):
        begun(name, "second")
    lose = ExperimentRun.lose_engine

    def die_at_the_second(run: ExperimentRun, *given: Any) -> bool:
        if run.experiment_task_id == "et-2":
            raise MemoryError
        return lose(run, *given)

    with monkeypatch.context() as dying:
        dying.setattr(ExperimentRun, "lose_engine", die_at_the_second)
        with pytest.raises(MemoryError):
            give_up("second")
    assert [seen(name).started_task.status for name in ("1", "2")] == [TaskStatus.FAILED, TaskStatus.RUNNING]

    give_up("second")
    before = notes("1")
    give_up("second")

    assert [seen(name).started_task.status for name in ("1", "2")] == [TaskStatus.FAILED] * 2
    assert notes("1") == before
    for name in ("1", "2"):
        application().finish_experiment(f"et-{name}", Outcome.STOPPED)
    with pytest.raises(EngineUnknown):
        give_up("second")


@pytest.mark.parametrize("engines", [1, 2])
def test_a_load_found_on_an_engine_that_comes_back_is_stopped_there(
    engines: int, pool: dict[str, Any], second: TrapEngine
) -> None:
    begun("1", "second", engines)
    give_up("second")
    application().stop_load("et-1")
    application().finish_experiment("et-1", Outcome.STOPPED)
    assert seen("1").settled
    assert len(second.running()) == 1

    manage({"action": "put", "name": "second", "url": second.url}, None)
    vars(application()).pop("engines")
    vars(application()).pop("sync_tasks", None)
    vars(application()).pop("stop_load", None)
    application().sync_tasks()
    assert (seen("1").stop_pending, seen("1").removed_engines) == (True, [])
    application().stop_load("et-1")

    assert second.running() == set()
    assert seen("1").settled
    assert seen("1").started_task.status is TaskStatus.FAILED


def test_force_goes_with_remove_alone_and_is_said_plainly(api: Api) -> None:
    for command in ({"action": "drain", "force": True}, {"action": "remove", "force": "yes"}):
        with pytest.raises(ValidationError):
            manage({"name": "default", **command}, None)
    with pytest.raises(EngineUnknown):
        give_up("none")
