"""What the preflight finds of a definition is shown, kept, and judged again when the load is about to start."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from tandem import bootstrap
from tandem.domain.definition import LoadTestDefinition
from tandem.domain.experiment_run import ExperimentRun, RunPlan
from tandem.domain.ports import UnitOfWork

from tests.factories.experiments import strategy
from tests.fakes.engine_traps import Call
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import BUCKET, Api


def created(api: Api, plan: str, **fields: object) -> str:
    path = api.upload_plan(plan).result["uploadPath"]
    given = {"name": "d", "endpoint": "http://shop.example:9000", "entry": "JMX", "threads": 5, "rampUp": 1, **fields}
    return str(api.post("create_load_test_definition", contentRef=path, **given).result)


def codes(preflight: dict[str, list[dict[str, str]]]) -> set[tuple[str, str]]:
    return {(finding["code"], finding["severity"]) for finding in preflight["findings"]}


def test_the_findings_stand_beside_the_new_id_and_with_the_definition(api: Api) -> None:
    path = api.upload_plan("with_defaults.jmx").result["uploadPath"]
    fields = {"name": "d", "endpoint": "http://shop.example:9000", "entry": "JMX", "contentRef": path}
    answer = api.post("create_load_test_definition", **fields)

    assert answer.result.startswith("ldef_")
    assert ("TARGET_DIFFERS", "WARN") in codes(answer.body["preflight"])
    shown = api.get("get_load_test_definition", id=answer.result).result
    assert shown["preflight"] == answer.body["preflight"]
    assert shown["preflightStatus"] == "WARN"
    (listed,) = api.get("query_load_test_definitions").result["data"]
    assert listed["preflightStatus"] == "WARN"
    assert "preflight" not in listed


def test_an_update_is_judged_anew(api: Api) -> None:
    definition = created(api, "with_defaults.jmx")
    before = api.get("get_load_test_definition", id=definition).result["preflight"]
    after = api.post("update_load_test_definition", id=definition, endpoint="http://pay.example.com").result
    assert before != after["preflight"]
    assert after["preflight"] == api.get("get_load_test_definition", id=definition).result["preflight"]


def test_what_no_engine_can_load_is_named_at_the_upload_and_at_the_definition(api: Api, engine: TrapEngine) -> None:
    engine.capabilities = {"elements": ["TestPlan", "ThreadGroup", "LoopController"], "functions": ["__P"]}
    uploaded = api.upload_plan("plain.jmx").result["preflight"]
    assert ("NOT_ON_ENGINE", "WARN") in codes(uploaded)
    named = {finding["values"]["what"] for finding in uploaded["findings"] if finding["code"] == "NOT_ON_ENGINE"}
    assert "HTTPSamplerProxy" in named
    definition = created(api, "plain.jmx")
    shown = api.get("get_load_test_definition", id=definition).result["preflight"]
    assert ("NOT_ON_ENGINE", "WARN") in codes(shown)


def test_an_engine_that_does_not_say_what_it_can_is_held_against_no_plan(api: Api) -> None:
    assert "NOT_ON_ENGINE" not in {code for code, _ in codes(api.upload_plan("plain.jmx").result["preflight"])}


def start(definition: LoadTestDefinition) -> ExperimentRun:
    now = datetime.now(UTC)
    run = ExperimentRun(
        experiment_task_id="et-1",
        created_at=now,
        owner=definition.owner,
        experiment_id="exp-1",
        workflow_arn=None,
        fault_at=None,
    )
    its = strategy(definition_id=definition.definition_id, owner=definition.owner)
    run.create_task("ldtask_1", RunPlan(its, replace(definition, preflight=None)), now, now)

    def add(uow: UnitOfWork) -> None:
        uow.strategies.add(its)
        uow.runs.add(run)

    application = bootstrap.application()
    application.database.write(add)
    application.start_load("et-1")
    kept = application.database.read(lambda uow: uow.runs.get("et-1"))
    assert kept is not None
    return kept


def stored(api: Api, plan: str, **fields: object) -> LoadTestDefinition:
    definition_id = created(api, plan, **fields)
    found = bootstrap.application().database.read(lambda uow: uow.definitions.get(strategy().owner, definition_id))
    assert found is not None
    return found


def tightened(settings: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        settings.setenv(name, value)
    bootstrap.reset()


def test_a_tightened_policy_holds_for_definitions_that_are_stored(api: Api, settings: pytest.MonkeyPatch) -> None:
    definition = stored(api, "with_script.jmx")
    tightened(settings, TANDEM_PREFLIGHT_CODE="deny")

    task = start(definition).started_task

    assert task.status == "FAILED"
    assert task.execution_id is None
    assert task.error_message is not None
    assert "CODE_ELEMENT: Checkout/Users/Order/Make a token" in task.error_message


def test_a_plan_that_nobody_can_read_does_not_start_under_a_strict_policy(
    api: Api, settings: pytest.MonkeyPatch
) -> None:
    definition = replace(stored(api, "plain.jmx"), content_ref="/data/plans/own.jmx")
    tightened(settings, TANDEM_PREFLIGHT_CODE="deny")

    task = start(definition).started_task

    assert (task.status, task.execution_id) == ("FAILED", None)
    assert "PLAN_NOT_READABLE" in str(task.error_message)


def test_a_load_that_no_engine_can_run_does_not_start(api: Api, engine: TrapEngine) -> None:
    definition = stored(api, "plain.jmx")
    engine.capabilities = {"elements": ["TestPlan", "ThreadGroup", "LoopController"], "functions": ["__P"]}
    bootstrap.reset()

    task = start(definition).started_task

    assert (task.status, task.execution_id) == ("FAILED", None)
    assert "HTTPSamplerProxy is not on the engine" in str(task.error_message)


def test_a_plan_that_may_run_starts(api: Api, engine: TrapEngine) -> None:
    task = start(stored(api, "plain.jmx")).started_task
    assert task.execution_id is not None
    assert boto3.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


@pytest.mark.parametrize("asked", [True, False])
def test_the_rows_of_sub_results_may_be_asked_for_under_a_strict_policy(
    asked: bool, api: Api, engine: TrapEngine, settings: pytest.MonkeyPatch
) -> None:
    tightened(settings, TANDEM_PREFLIGHT_CODE="deny")
    task = start(stored(api, "plain.jmx", subResults=asked)).started_task
    (call,) = [call for call in engine.calls_of(Call.START) if task.task_id in call.body.decode()]
    told = json.loads(call.body)["properties"].get("jmeter.save.saveservice.subresults")
    assert told == ("true" if asked else None)


def test_showing_sub_results_makes_no_other_load(api: Api) -> None:
    definition = stored(api, "plain.jmx")
    assert replace(definition, sub_results=True).makes_the_load_of(definition)
    assert not replace(definition, threads=99).makes_the_load_of(definition)


def test_the_heap_size_is_bounded_by_the_policy(api: Api, settings: pytest.MonkeyPatch) -> None:
    tightened(settings, TANDEM_MAX_HEAP="1g")
    path = api.upload_plan("plain.jmx").result["uploadPath"]
    fields = {"name": "d", "endpoint": "http://127.0.0.1", "entry": "JMX", "contentRef": path, "heapSize": "64g"}
    answer = api.post("create_load_test_definition", **fields)
    assert (answer.status, answer.code) == (422, "TEST_PLAN_DENIED")
    assert "TOO_MUCH_HEAP" in answer.text
