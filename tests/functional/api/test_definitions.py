"""Definitions: create, get, query, update, delete; on both kinds of database."""

import re
from typing import Any

import pytest

from tests.factories.api_events import ALICE, Caller, post_form
from tests.functional.conftest import Api, send

BOB = Caller("bob")


@pytest.fixture
def api_database_url(api_database_url_of_each_kind: str) -> str:
    return api_database_url_of_each_kind


def test_a_definition_is_created_with_defaults_and_can_be_read(api: Api, definition_fields: dict[str, Any]) -> None:
    del definition_fields["threads"]
    new_id = api.post("create_load_test_definition", **definition_fields).result

    assert re.fullmatch(r"ldef_[0-9a-f]{32}", new_id)
    shown = api.get("get_load_test_definition", id=new_id).result
    assert shown == api.post("get_load_test_definition", id=new_id).result
    assert shown == api.get("get_load_test_definition", definitionId=new_id).result
    created_at = shown.pop("createdAt")
    assert shown.pop("updatedAt") == created_at
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", created_at)
    assert shown == {
        "preflight": {"status": "OK", "findings": []},
        "preflightStatus": "OK",
        "id": new_id,
        "name": "checkout",
        "engineType": "JMETER",
        "endpoint": "http://127.0.0.1:9000",
        "entry": "URL",
        "contentRef": None,
        "urlCase": {"method": "GET", "path": "/health", "headers": {}, "body": None},
        "threads": 1,
        "rampUp": 0,
        "loops": None,
        "heapSize": None,
        "properties": {},
        "dataFiles": [],
        "respectLoops": False,
        "setUpLimitSec": 300,
        "tearDownLimitSec": 30,
        "subResults": False,
        "createdBy": "alice",
    }


def test_a_plan_that_was_uploaded_makes_a_definition(api: Api) -> None:
    path = api.upload_plan().result["uploadPath"]

    new_id = api.post(
        "create_load_test_definition",
        name="my plan",
        endpoint="https://shop.example:8443/api/",
        entry="JMX",
        contentRef=path,
        threads=20,
        rampUp=5,
        loops=-1,
        heapSize="512m",
        properties={"users.file": "a b=c"},
    ).result

    shown = api.get("get_load_test_definition", id=new_id).result
    assert (shown["contentRef"], shown["loops"], shown["heapSize"]) == (path, -1, "512m")
    assert shown["properties"] == {"users.file": "a b=c"}


def test_how_long_a_load_lasts_can_be_said_and_changed(api: Api, definition_fields: dict[str, Any]) -> None:
    said = {"respectLoops": True, "setUpLimitSec": 900, "tearDownLimitSec": 0, "subResults": True}
    new_id = api.post("create_load_test_definition", **definition_fields, **said).result
    assert api.get("get_load_test_definition", id=new_id).result.items() >= said.items()
    api.post("update_load_test_definition", id=new_id, setUpLimitSec=60, respectLoops=None, subResults=False)
    changed = api.get("get_load_test_definition", id=new_id).result
    wanted = {"respectLoops": False, "setUpLimitSec": 60, "tearDownLimitSec": 0, "subResults": False}
    assert changed.items() >= wanted.items()
    wrong = {"respectLoops": "perhaps", "setUpLimitSec": 0, "tearDownLimitSec": 3601, "subResults": "perhaps"}
    assert set(api.post("update_load_test_definition", id=new_id, **wrong).fields) == set(wrong)


def test_a_definition_may_come_as_a_form(api: Api) -> None:
    form = {
        "name": "of a form",
        "endpoint": "http://localhost:9000",
        "entry": "URL",
        "urlCase": '{"path": "/", "headers": {"X-A": "1"}}',
        "threads": "7",
        "loops": "",
        "properties": '{"a": "1"}',
    }

    new_id = send("create_load_test_definition", post_form(form)).result

    shown = api.get("get_load_test_definition", id=new_id).result
    assert (shown["threads"], shown["loops"], shown["properties"]) == (7, None, {"a": "1"})
    assert shown["urlCase"]["headers"] == {"X-A": "1"}


def test_every_wrong_field_is_told_at_once(api: Api) -> None:
    answer = api.post(
        "create_load_test_definition",
        name="  ",
        endpoint="ftp://x",
        entry="URL",
        urlCase={"method": "FETCH", "path": "no slash", "headers": {"A": "1\r\nB: 2"}},
        threads=True,
        rampUp="1",
        loops=0,
        heapSize="many",
        properties={"a=b": "c"},
        dataFiles=["/etc/passwd"],
    )

    assert answer.status == 422
    assert answer.code == "INVALID_VALUE"
    assert set(answer.fields) == {
        *("name", "endpoint", "urlCase.method", "urlCase.path", "urlCase.headers", "threads", "rampUp", "loops"),
        *("heapSize", "properties", "dataFiles", "dataFiles.0"),
    }


@pytest.mark.parametrize("missing", ["name", "endpoint", "entry", "urlCase"])
def test_a_missing_or_null_required_field_is_named(api: Api, definition_fields: dict[str, Any], missing: str) -> None:
    for absent in ({}, {missing: None}):
        fields = {name: value for name, value in definition_fields.items() if name != missing}
        answer = api.post("create_load_test_definition", **fields, **absent)

        assert answer.status == 422
        assert list(answer.fields) == [missing]
        assert "required" in answer.fields[missing] or "must" in answer.fields[missing]


def test_a_missing_plan_is_told_together_with_other_faults(api: Api) -> None:
    answer = api.post("create_load_test_definition", name="n", endpoint="http://h", entry="JMX", threads=0)

    assert set(answer.fields) == {"contentRef", "threads"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x" * 256),
        ("name", "a\nb"),
        ("name", "a\u0000b"),
        ("name", " padded"),
        ("name", 5),
        ("endpoint", "http://"),
        ("endpoint", "http://h:99999"),
        ("endpoint", "http://h:0"),
        ("endpoint", "http://user:secret@h"),
        ("endpoint", "http://h/?q=1"),
        ("endpoint", "http://h o"),
        ("endpoint", "http://" + "h" * 2000),
        ("entry", "SCRIPT"),
        ("engineType", "K6"),
        ("threads", 0),
        ("threads", 10**30),
        ("threads", 1.5),
        ("threads", "1"),
        ("rampUp", -1),
        ("loops", -2),
        ("heapSize", "1t"),
        ("properties", []),
        ("properties", {"a": 1}),
        ("properties", {"a": "b\nc"}),
        ("urlCase", "GET"),
        ("contentRef", "a\u0000b"),
        ("dataFiles", "x"),
        ("namespace", "n" * 65),
        ("namespace", ["default"]),
    ],
)
def test_a_bad_value_is_refused_and_nothing_is_written(
    api: Api, definition_fields: dict[str, Any], field: str, value: object
) -> None:
    answer = api.post("create_load_test_definition", **{**definition_fields, field: value})

    assert answer.status == 422, answer.text
    assert {name.split(".")[0] for name in answer.fields} == {field}
    assert api.post("query_load_test_definitions").result["total"] == 0


@pytest.mark.parametrize(
    "name", ["压测定义", "\U0001f680 rocket", "\u202eright to left\u202c", "'; DROP TABLE x; --", "a%_b"]
)
def test_any_readable_name_is_kept_as_it_is(api: Api, definition_fields: dict[str, Any], name: str) -> None:
    new_id = api.post("create_load_test_definition", **{**definition_fields, "name": name}).result

    assert api.get("get_load_test_definition", id=new_id).result["name"] == name
    assert api.post("query_load_test_definitions", name=name).result["total"] == 1


def test_a_name_is_unique_for_a_user_in_a_namespace_and_compared_exactly(
    api: Api, definition_fields: dict[str, Any]
) -> None:
    def create(caller: Caller = ALICE, **changed: object) -> Any:
        return api.post("create_load_test_definition", caller, **{**definition_fields, **changed})

    first = create().result
    taken = create()
    assert (taken.status, taken.code) == (409, "DEFINITION_NAME_TAKEN")
    assert "name" in taken.fields
    for other in (create(name="Checkout"), create(name="ch\u00e9ckout"), create(namespace="n2"), create(BOB)):
        assert other.status == 200, other.text

    assert api.post("delete_load_test_definition", id=first).result is True
    assert create().status == 200
    assert create().status == 409


def test_a_definition_in_use_cannot_be_deleted_and_the_strategies_are_named(
    api: Api, definition_fields: dict[str, Any]
) -> None:
    definition = api.post("create_load_test_definition", **definition_fields).result
    strategy = api.post("create_load_test_strategy", definitionId=definition, experimentId="e1", enable=False).result

    refused = api.post("delete_load_test_definition", id=definition)
    assert (refused.status, refused.code) == (409, "DEFINITION_IN_USE")
    assert strategy in refused.body["error"]["message"]
    assert strategy in refused.fields

    assert api.post("delete_load_test_strategy", id=strategy).result is True
    assert api.post("delete_load_test_definition", id=definition).result is True
    for gone in ("get_load_test_definition", "delete_load_test_definition", "update_load_test_definition"):
        answer = api.post(gone, id=definition)
        assert (answer.status, answer.code) == (404, "LOAD_TEST_DEFINITION_NOT_FOUND")


def test_an_update_changes_only_what_is_sent(api: Api, definition_fields: dict[str, Any]) -> None:
    new_id = api.post(
        "create_load_test_definition", **definition_fields, loops=3, heapSize="1g", properties={"a": "b"}
    ).result
    before = api.get("get_load_test_definition", id=new_id).result

    after = api.post("update_load_test_definition", id=new_id, threads=9, loops=None, name="").result

    assert [finding["code"] for finding in before["preflight"]["findings"]] == ["FINITE_LOOPS"]
    no_findings = {"status": "OK", "findings": []}
    changed = {"threads": 9, "loops": None, "updatedAt": after["updatedAt"], "preflight": no_findings}
    assert after == {**before, **changed}
    assert after == api.get("get_load_test_definition", id=new_id).result
    reset = api.post("update_load_test_definition", id=new_id, threads=None, properties=None, heapSize=None).result
    assert (reset["threads"], reset["properties"], reset["heapSize"]) == (1, {}, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"endpoint": None}, "endpoint"),
        ({"entry": None}, "entry"),
        ({"entry": "JMX"}, "contentRef"),
        ({"urlCase": None}, "urlCase"),
        ({"threads": "9"}, "threads"),
        ({"dataFiles": ["tandem://uploads/x/y.csv"]}, "dataFiles"),
    ],
)
def test_an_update_that_would_break_a_rule_changes_nothing(
    api: Api, definition_fields: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    new_id = api.post("create_load_test_definition", **definition_fields).result
    before = api.get("get_load_test_definition", id=new_id).result

    answer = api.post("update_load_test_definition", id=new_id, **changes)

    assert answer.status == 422
    assert list(answer.fields) == [field]
    assert api.get("get_load_test_definition", id=new_id).result == before


def test_an_update_cannot_take_another_definitions_name(api: Api, definition_fields: dict[str, Any]) -> None:
    api.post("create_load_test_definition", **definition_fields)
    second = api.post("create_load_test_definition", **{**definition_fields, "name": "second"}).result

    assert api.post("update_load_test_definition", id=second, name="checkout").code == "DEFINITION_NAME_TAKEN"
    assert api.post("update_load_test_definition", id=second, name="second").status == 200


def test_pages_are_newest_first_and_filters_work(api: Api, definition_fields: dict[str, Any]) -> None:
    ids = [
        api.post("create_load_test_definition", **{**definition_fields, "name": f"plan {number}"}).result
        for number in range(5)
    ]

    page = api.post("query_load_test_definitions", pageNum=2, pageSize=2).result
    assert [row["id"] for row in page["data"]] == [ids[2], ids[1]]
    assert {name: page[name] for name in ("page", "pageSize", "pages", "total")} == {
        "page": 2,
        "pageSize": 2,
        "pages": 3,
        "total": 5,
    }
    beyond = api.post("query_load_test_definitions", pageNum=9).result
    assert (beyond["data"], beyond["total"], beyond["pages"]) == ([], 5, 1)
    assert api.post("query_load_test_definitions", name="n 3").result["total"] == 1
    assert api.post("query_load_test_definitions", name="PLAN").result["total"] == 0
    assert api.post("query_load_test_definitions", name="%").result["total"] == 0
    assert api.post("query_load_test_definitions", entry="JMX").result["total"] == 0
    assert api.post("query_load_test_definitions", entry="URL", engineType="JMETER", name="").result["total"] == 5


@pytest.mark.parametrize(
    "wrong", [{"pageNum": 0}, {"pageNum": -1}, {"pageSize": 201}, {"pageSize": 0}, {"pageNum": 10**12}, {"entry": "X"}]
)
def test_a_page_out_of_range_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    answer = api.post("query_load_test_definitions", **wrong)

    assert answer.status == 422
    assert list(answer.fields) == list(wrong)


def test_somebody_elses_upload_is_404(api: Api) -> None:
    mine = api.upload_plan().result["uploadPath"]
    fields = {"name": "n", "endpoint": "http://h", "entry": "JMX", "contentRef": mine}

    for answer in (
        api.post("create_load_test_definition", BOB, **fields),
        api.post("create_load_test_definition", namespace="other", **fields),
        api.post("create_load_test_definition", **{**fields, "contentRef": "tandem://uploads/upload_0/x.jmx"}),
        api.post("create_load_test_definition", **{**fields, "contentRef": mine + "x"}),
    ):
        assert (answer.status, answer.code) == (404, "UPLOAD_NOT_FOUND")
    assert api.post("create_load_test_definition", **fields).status == 200


def test_a_path_on_the_engine_is_taken_unseen(api: Api) -> None:
    fields = {"name": "n", "endpoint": "http://h", "entry": "JMX", "contentRef": "uploads/testplans/x.jmx"}

    assert api.post("create_load_test_definition", **fields).status == 200
