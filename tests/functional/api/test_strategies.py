"""Strategies: create, get, query, update, delete; on both kinds of database."""

import re
from typing import Any

import pytest

from tests.factories.api_events import ALICE, Caller, post_form
from tests.functional.conftest import Api, send

BOB = Caller("bob")


@pytest.fixture
def api_database_url(api_database_url_of_each_kind: str) -> str:
    return api_database_url_of_each_kind


@pytest.fixture
def definition(api: Api, definition_fields: dict[str, Any]) -> str:
    new_id: str = api.post("create_load_test_definition", **definition_fields).result
    return new_id


def test_a_strategy_is_created_with_defaults_and_can_be_read(api: Api, definition: str) -> None:
    new_id = api.post("create_load_test_strategy", definitionId=definition, experimentId="e1").result

    assert re.fullmatch(r"lstrategy_[0-9a-f]{32}", new_id)
    shown = api.get("get_load_test_strategy", id=new_id).result
    for same in (
        api.post("get_load_test_strategy", strategyId=new_id),
        api.get("get_load_test_strategy_by_experiment_id", experimentId="e1"),
        api.post("get_load_test_strategy_by_experiment_id", experimentId="e1"),
    ):
        assert same.result == shown
    assert shown.pop("createdAt").endswith("+00:00")
    assert shown.pop("updatedAt").endswith("+00:00")
    assert shown == {
        "id": new_id,
        "enable": True,
        "definitionId": definition,
        "experimentId": "e1",
        "startBeforeFaultSec": 0,
        "trafficDurationSec": 60,
        "abortOnLoadFailure": False,
        "stopOnCompletion": False,
        "gate": {"minSamples": 20, "minSeconds": 3, "minThroughput": None, "maxErrorRate": 0.5, "timeoutSec": 60},
        "slo": None,
        "engines": 1,
        "expectedErrorRate": None,
    }


def test_everything_that_can_be_said_is_kept(api: Api, definition: str) -> None:
    fields = {
        "enable": 0,
        "startBeforeFaultSec": 10,
        "trafficDurationSec": 86400,
        "abortOnLoadFailure": 1,
        "stopOnCompletion": True,
        "gate": {"minSamples": 7, "minSeconds": 4, "minThroughput": 2.5, "maxErrorRate": 1, "timeoutSec": 5},
        "slo": {"maxP95Ms": 300, "maxErrorRate": 0.01, "maxRecoverySec": 30, "minThroughputRatio": 0.9},
    }

    new_id = api.post("create_load_test_strategy", definitionId=definition, experimentId="e1", **fields).result

    shown = api.get("get_load_test_strategy", id=new_id).result
    assert {name: shown[name] for name in fields} == {**fields, "enable": False, "abortOnLoadFailure": True}


def test_a_strategy_may_come_as_a_form_or_in_the_query(api: Api, definition: str) -> None:
    form = {
        "definitionId": definition,
        "experimentId": "e1",
        "enable": "FALSE",
        "trafficDurationSec": "90",
        "gate": '{"maxErrorRate": 0.25}',
    }

    new_id = send("create_load_test_strategy", post_form(form)).result
    in_query = api.raw(
        "create_load_test_strategy", "POST", query={"definitionId": definition, "experimentId": "e2", "enable": "1"}
    ).result

    shown = api.get("get_load_test_strategy", id=new_id).result
    assert (shown["enable"], shown["trafficDurationSec"], shown["gate"]["maxErrorRate"]) == (False, 90, 0.25)
    assert api.get("get_load_test_strategy", id=in_query).result["enable"] is True


def test_one_live_strategy_for_an_experiment_and_a_new_one_after_each_delete(api: Api, definition: str) -> None:
    def create(caller: Caller = ALICE, **changed: object) -> Any:
        return api.post(
            "create_load_test_strategy", caller, **{"definitionId": definition, "experimentId": "e1", **changed}
        )

    for _ in range(3):
        first = create(enable=False).result
        second = create()
        assert (second.status, second.code) == (409, "STRATEGY_EXISTS_FOR_EXPERIMENT")
        assert list(second.fields) == ["experimentId"]
        assert create(experimentId="E1").status in {200, 409}
        assert api.post("delete_load_test_strategy", id=first).result is True
    assert create().status == 200


def test_an_unknown_or_foreign_definition_is_404(api: Api, definition: str) -> None:
    for answer in (
        api.post("create_load_test_strategy", definitionId="ldef_0", experimentId="e1"),
        api.post("create_load_test_strategy", BOB, definitionId=definition, experimentId="e1"),
        api.post("create_load_test_strategy", definitionId=definition, experimentId="e1", namespace="other"),
    ):
        assert (answer.status, answer.code) == (404, "LOAD_TEST_DEFINITION_NOT_FOUND")
    assert api.post("query_load_test_strategies").result["total"] == 0


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"startBeforeFaultSec": 60}, ["trafficDurationSec"]),
        ({"startBeforeFaultSec": 10, "trafficDurationSec": 10}, ["trafficDurationSec"]),
        ({"startBeforeFaultSec": -1}, ["startBeforeFaultSec"]),
        ({"startBeforeFaultSec": 86400, "trafficDurationSec": 86401}, ["startBeforeFaultSec", "trafficDurationSec"]),
        ({"trafficDurationSec": 0}, ["trafficDurationSec"]),
        ({"enable": "yes"}, ["enable"]),
        ({"enable": 2}, ["enable"]),
        ({"enable": "1"}, ["enable"]),
        ({"gate": {"timeoutSec": 0}}, ["gate.timeoutSec"]),
        ({"gate": {"timeoutSec": 3601}}, ["gate.timeoutSec"]),
        ({"gate": {"timeoutSec": 3}}, ["gate.timeoutSec"]),
        ({"gate": {"timeoutSec": 30, "minSeconds": 30}}, ["gate.timeoutSec"]),
        ({"gate": {"minSamples": 0, "minSeconds": -1}}, ["gate.minSamples", "gate.minSeconds"]),
        ({"gate": {"minSeconds": 10}, "trafficDurationSec": 10}, ["trafficDurationSec"]),
        ({"trafficDurationSec": 3}, ["trafficDurationSec"]),
        ({"gate": {"minThroughput": -1, "maxErrorRate": 1.5}}, ["gate.minThroughput", "gate.maxErrorRate"]),
        ({"gate": {"maxErrorRate": True}}, ["gate.maxErrorRate"]),
        ({"gate": {"minThroughput": 10**400}}, ["gate.minThroughput"]),
        ({"gate": "none"}, ["gate"]),
        ({"slo": {"maxErrorRate": 2, "maxP95Ms": "1"}}, ["slo.maxP95Ms", "slo.maxErrorRate"]),
        ({"experimentId": ""}, ["experimentId"]),
        ({"experimentId": "e" * 65}, ["experimentId"]),
        ({"definitionId": None}, ["definitionId"]),
    ],
)
def test_a_bad_value_is_refused_with_every_field_named(
    api: Api, definition: str, changed: dict[str, Any], fields: list[str]
) -> None:
    answer = api.post("create_load_test_strategy", **{"definitionId": definition, "experimentId": "e1", **changed})

    assert answer.status == 422, answer.text
    assert list(answer.fields) == fields
    assert api.post("query_load_test_strategies").result["total"] == 0


def test_an_update_changes_only_what_is_sent_and_checks_the_whole(api: Api, definition: str) -> None:
    new_id = api.post(
        "create_load_test_strategy",
        definitionId=definition,
        experimentId="e1",
        startBeforeFaultSec=30,
        slo={"maxP95Ms": 5},
        gate={"timeoutSec": 9},
    ).result
    before = api.get("get_load_test_strategy", id=new_id).result

    after = api.post("update_load_test_strategy", id=new_id, enable=False).result
    assert after == {**before, "enable": False, "updatedAt": after["updatedAt"]}

    refused = api.post("update_load_test_strategy", id=new_id, trafficDurationSec=30)
    assert list(refused.fields) == ["trafficDurationSec"]
    impossible = api.post("update_load_test_strategy", id=new_id, gate={"minSeconds": 60, "timeoutSec": 90})
    assert list(impossible.fields) == ["trafficDurationSec"]
    assert api.post("update_load_test_strategy", id=new_id, definitionId=None).fields.keys() == {"definitionId"}
    cleared = api.post("update_load_test_strategy", id=new_id, slo=None, gate=None, trafficDurationSec=None).result
    assert (cleared["slo"], cleared["gate"]["timeoutSec"], cleared["trafficDurationSec"]) == (None, 60, 60)


def test_an_update_cannot_break_the_bond_to_experiment_or_definition(api: Api, definition: str) -> None:
    first = api.post("create_load_test_strategy", definitionId=definition, experimentId="e1").result
    api.post("create_load_test_strategy", definitionId=definition, experimentId="e2")

    assert api.post("update_load_test_strategy", id=first, experimentId="e2").code == "STRATEGY_EXISTS_FOR_EXPERIMENT"
    unknown = api.post("update_load_test_strategy", id=first, definitionId="ldef_x")
    assert (unknown.status, unknown.code) == (404, "LOAD_TEST_DEFINITION_NOT_FOUND")
    assert api.post("update_load_test_strategy", id=first, experimentId="e3").result["experimentId"] == "e3"


def test_pages_are_newest_first_and_filters_work(api: Api, definition: str) -> None:
    ids = [
        api.post(
            "create_load_test_strategy", definitionId=definition, experimentId=f"e{number}", enable=number % 2
        ).result
        for number in range(4)
    ]

    page = api.post("query_load_test_strategies", pageSize=3).result
    assert [row["id"] for row in page["data"]] == ids[:0:-1]
    assert (page["total"], page["pages"]) == (4, 2)
    assert api.post("query_load_test_strategies", enable=False).result["total"] == 2
    assert api.post("query_load_test_strategies", experimentId="e3").result["data"][0]["id"] == ids[3]
    assert api.post("query_load_test_strategies", definitionId="ldef_x").result["total"] == 0


def test_a_deleted_strategy_is_gone(api: Api, definition: str) -> None:
    new_id = api.post("create_load_test_strategy", definitionId=definition, experimentId="e1").result
    api.post("delete_load_test_strategy", id=new_id)

    for name, key in (
        ("get_load_test_strategy", {"id": new_id}),
        ("update_load_test_strategy", {"id": new_id}),
        ("delete_load_test_strategy", {"id": new_id}),
        ("get_load_test_strategy_by_experiment_id", {"experimentId": "e1"}),
    ):
        answer = api.post(name, **key)
        assert (answer.status, answer.code) == (404, "LOAD_TEST_STRATEGY_NOT_FOUND")


def test_the_error_rate_of_a_healthy_system_is_a_share(api: Api, definition_fields: dict[str, object]) -> None:
    definition = api.post("create_load_test_definition", **definition_fields).result
    made = api.post("create_load_test_strategy", definitionId=definition, experimentId="exp-1", expectedErrorRate=0.5)

    def shown() -> object:
        return api.get("get_load_test_strategy", id=made.result).result["expectedErrorRate"]

    assert shown() == 0.5
    for wrong in (1.01, -0.1, "x"):
        refused = api.post("update_load_test_strategy", id=made.result, expectedErrorRate=wrong)
        assert (refused.status, list(refused.fields)) == (422, ["expectedErrorRate"])
    for rate in (0, 0.25, 1, None):
        assert api.post("update_load_test_strategy", id=made.result, expectedErrorRate=rate).status == 200
        assert shown() == rate
