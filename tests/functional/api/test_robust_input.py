"""Whatever arrives: a clear answer that is documented, nothing written, nothing secret in the logs."""

import json
import logging
from typing import Any

import pytest
from tandem.domain.errors import AppError

from local.openapi import error_codes, operations
from tests.factories.api_events import ALICE, FORM, event
from tests.functional.conftest import Api, send

POSTED = sorted({each.name for each in operations() if each.method == "POST" and each.endpoint.takes == "FIELDS"})
READ = sorted({each.name for each in operations() if each.method == "GET" and each.endpoint.needs_identity})
DEEP = '{"a":' * 10_000 + "1" + "}" * 10_000
NO_OBJECTS: list[str | bytes] = [
    *("{", "[]", '"text"', "5", "null", "\ufeff{}", '{"a": NaN}', '{"a": "\\ud800"}', DEEP, "[" * 10_000),
    *(b"\xff\xfe{}", b'{"a":"\xff"}'),
]
STRANGE_TEXTS = {
    "long": "x" * 5_000,
    "nul": "a\0b",
    "emoji": "\U0001f680" * 70,
    "right to left": "\u202egnp.exe\u202c" + "x" * 80,
    "newline": "a\nb",
    "sql": "' OR 1=1; DROP TABLE t_chaos_load_test_task; -- " + "x" * 64,
    "log": '"}\n{"level":"ERROR","message":"forged"}' + "x" * 64,
}


@pytest.mark.parametrize("name", POSTED)
@pytest.mark.parametrize("body", NO_OBJECTS, ids=lambda body: repr(body)[:12])
def test_a_body_that_is_no_json_object_is_400(api: Api, name: str, body: str | bytes) -> None:
    answer = api.raw(name, "POST", body=body, content_type="application/json")

    assert answer.status == 400, answer.text
    assert answer.code == "MALFORMED_REQUEST"
    assert len(answer.text) < 2_000


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense"]
)
def test_another_content_type_is_400(api: Api, content_type: str) -> None:
    answer = api.raw("query_load_test_tasks", "POST", body="pageNum=1", content_type=content_type)

    assert (answer.status, answer.code) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize(
    "content_type", [None, "", "application/json", "Application/JSON; charset=UTF-8", "application/x+json"]
)
@pytest.mark.parametrize("as_base64", [True, False])
def test_json_is_taken_under_its_names_and_in_base64(api: Api, content_type: str | None, as_base64: bool) -> None:
    answer = api.raw(
        "query_load_test_tasks", "POST", body='{"pageSize": 7}', content_type=content_type, as_base64=as_base64
    )

    assert answer.result["pageSize"] == 7


@pytest.mark.parametrize("name", POSTED)
def test_a_body_beyond_the_limit_is_413(api: Api, name: str) -> None:
    answer = api.raw(name, "POST", body=json.dumps({"x": "y" * 4_200_000}), content_type="application/json")

    assert (answer.status, answer.code) == (413, "TOO_LARGE")


def test_a_broken_base64_is_400(api: Api) -> None:
    request = event("POST", body=b"{}") | {"body": "!!!"}

    assert send("query_load_test_tasks", request).status == 400


@pytest.mark.parametrize("query", ["taskId=a&taskId=b", "taskId=a&taskId=a"])
def test_a_repeated_query_key_is_422(api: Api, query: str) -> None:
    answer = api.raw("get_load_test_task", "GET", query=query)

    assert (answer.status, list(answer.fields)) == (422, ["taskId"])


def test_a_repeated_form_key_is_422(api: Api) -> None:
    answer = api.raw("query_load_test_tasks", "POST", body="pageNum=1&pageNum=2", content_type=FORM)

    assert (answer.status, list(answer.fields)) == (422, ["pageNum"])


@pytest.mark.parametrize("query", ["taskId=%FF", "%ff=1"])
def test_a_query_that_is_no_utf8_is_400(api: Api, query: str) -> None:
    assert api.raw("get_load_test_task", "GET", query=query).status == 400


def test_a_query_with_thousands_of_keys_is_400(api: Api) -> None:
    assert api.raw("get_load_test_task", "GET", query="&".join(f"a{n}=1" for n in range(2_000))).status == 400


def test_the_body_wins_over_the_query_but_not_by_being_empty(api: Api) -> None:
    both = api.raw("query_load_test_tasks", "POST", query="pageSize=3", body='{"pageSize": 4}')
    empty = api.raw("query_load_test_tasks", "POST", query="pageSize=3", body='{"pageSize": ""}')
    absent = api.raw("query_load_test_tasks", "POST", query="pageSize=3", body='{"pageSize": null}')
    text_in_body = api.raw("query_load_test_tasks", "POST", query="pageSize=3", body='{"pageSize": "4"}')

    assert [answer.result["pageSize"] for answer in (both, empty, absent)] == [4, 3, 3]
    assert list(text_in_body.fields) == ["pageSize"]


@pytest.mark.parametrize(
    "value", ["true", "1.5", "1e3", "0x10", "1_000", "", " ", "\u0661", "9" * 5_000, "-1", "0", "201"]
)
def test_a_number_in_the_query_is_digits_in_its_range(api: Api, value: str) -> None:
    answer = api.raw("query_load_test_tasks", "POST", query={"pageSize": value})

    assert answer.status == (200 if value == "" else 422)


@pytest.mark.parametrize("value", [True, False, 1.5, 1.0, "1", [1], {"a": 1}, 10**18, -(10**18), 10**400])
def test_a_number_in_json_is_a_whole_number_in_its_range(api: Api, value: object) -> None:
    answer = api.post("query_load_test_tasks", pageNum=value)

    assert (answer.status, list(answer.fields)) == (422, ["pageNum"])


@pytest.mark.parametrize("text", STRANGE_TEXTS.values(), ids=STRANGE_TEXTS.keys())
@pytest.mark.parametrize("name", READ + POSTED)
def test_strange_text_in_every_field_never_breaks_anything(api: Api, name: str, text: str) -> None:
    model = next(each.endpoint.parameters for each in operations() if each.name == name)
    fields = {field.alias or key: text for key, field in model.model_fields.items()}

    for answer in (
        api.get(name, **fields) if name in READ else api.post(name, **fields),
        api.raw(name, "GET" if name in READ else "POST", query=fields),
    ):
        assert answer.status == 422, answer.text
        assert set(answer.fields) <= {path for path in answer.fields if path.split(".")[0] in fields}
    for query in ("query_load_test_definitions", "query_load_test_strategies", "query_load_test_tasks"):
        assert api.post(query).result["total"] == 0


def test_unknown_fields_are_ignored(api: Api) -> None:
    assert api.post("query_load_test_tasks", nonsense={"deep": [1]}, pageSize=5).result["pageSize"] == 5


@pytest.mark.parametrize("status", ["running", "DONE", 1, ["RUNNING"]])
def test_an_unknown_status_is_refused_and_says_what_is_allowed(api: Api, status: object) -> None:
    answer = api.post("query_load_test_tasks", status=status)

    assert (answer.status, list(answer.fields)) == (422, ["status"])
    assert "PENDING" in answer.fields["status"] or status in (1, ["RUNNING"])


def test_nothing_that_was_sent_stands_in_the_log(
    api: Api, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], definition_fields: dict[str, Any]
) -> None:
    with caplog.at_level(logging.DEBUG, logger="tandem"):
        api.post("create_load_test_definition", **definition_fields, heapSize="s3cret", properties={"p": "s3cret\n"})
        api.raw("query_load_test_tasks", "POST", body='{"password": "s3cret"', content_type="application/json")
        api.get("get_load_test_task", taskId='s3cret"}\n{"level": "ERROR"}')

    logged = capsys.readouterr().out + "".join(str(vars(record)) for record in caplog.records)
    assert "request_refused" in logged
    assert "s3cret" not in logged


def test_something_unforeseen_is_an_envelope_without_a_trace(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from tandem.bootstrap import application

    monkeypatch.setattr(application(), "query_tasks", lambda *_: 1 / 0)

    answer = api.post("query_load_test_tasks")

    assert (answer.status, answer.code) == (500, AppError.code)
    assert "ZeroDivision" not in answer.text
    assert answer.body["requestId"] == "request-1"


@pytest.mark.parametrize(
    ("language", "description"),
    [
        (None, "等待中"),
        ("en", "Pending"),
        ("en-GB,en;q=0.9,zh;q=0.1", "Pending"),
        ("zh-CN,en;q=0.5", "等待中"),
        ("fr", "等待中"),
        ("de;q=0.1, en;q=0.2", "Pending"),
        (";q=x,,", "等待中"),
    ],
)
def test_the_status_is_described_in_the_callers_language(api: Api, language: str | None, description: str) -> None:
    from tests.factories.kept_tasks import pending_task

    pending_task()
    request = event("GET", query="taskId=ldtask_1", caller=ALICE)
    request["headers"] = {} if language is None else {"Accept-Language": language}

    assert send("get_load_test_task", request).result["statusDescription"] == description


def test_every_code_that_was_seen_is_documented(api: Api) -> None:
    seen = {api.post(name).code for name in POSTED if api.post(name).status != 200}

    assert seen <= error_codes()


def test_a_form_is_small_because_reading_a_large_one_costs_two_hundred_times_its_size(api: Api) -> None:
    answer = api.raw("stop_load_test_task", "POST", body="a=" + "%" * (64 * 1024), content_type=FORM)
    assert (answer.status, answer.code) == (413, "TOO_LARGE")


def test_a_body_that_is_no_form_is_told_to_its_sender_and_not_logged_by_the_parser(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from tandem.domain.errors import MalformedRequest
    from tandem.rest.multipart import read_multipart

    caplog.set_level(0)
    with pytest.raises(MalformedRequest):
        read_multipart("multipart/form-data; boundary=b", b"no boundary at all")
    assert caplog.records == []
