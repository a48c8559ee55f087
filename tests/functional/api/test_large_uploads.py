"""POST /CreateUploadUrl, the PUT to the store, POST /CompleteUpload; and data files of plans."""

import hashlib
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from tandem import bootstrap

from tests.factories.api_events import ALICE, Caller
from tests.functional.conftest import BUCKET, PLANS, Api, stored_objects

PLAIN = (PLANS / "plain.jmx").read_bytes()
BOB = Caller("bob")


def announce(api: Api, content: bytes, name: str = "big plan.jmx", caller: Caller = ALICE, **more: object) -> Any:
    return api.post("create_upload_url", caller, fileName=name, fileSize=len(content), **more).result


def put(ticket: Any, content: bytes) -> None:
    """What S3 does with the signed request, as far as it matters here: the labels stay beside the object."""
    url = urlsplit(ticket["uploadUrl"])
    key = unquote(url.path).removeprefix(f"/{BUCKET}/")
    labels = {
        name.removeprefix("x-amz-meta-"): value
        for name, value in ticket["headers"].items()
        if name.startswith("x-amz-meta-")
    }
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content, Metadata=labels)


def test_a_large_plan_goes_to_the_store_and_is_taken_over(api: Api) -> None:
    digest = hashlib.sha256(PLAIN).hexdigest()
    ticket = announce(api, PLAIN, sha256=digest)
    assert ticket["method"] == "PUT"
    assert ticket["expiresAt"].endswith("+00:00")
    signed = parse_qs(urlsplit(ticket["uploadUrl"]).query)
    assert signed["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert signed["X-Amz-Expires"] == ["900"]
    assert set(ticket["headers"]) <= set(signed["X-Amz-SignedHeaders"][0].split(";"))
    assert {"content-length", "x-amz-checksum-sha256", "x-amz-meta-owner"} <= set(ticket["headers"])
    assert stored_objects() == []

    put(ticket, PLAIN)
    result = api.post("complete_upload", uploadPath=ticket["uploadPath"]).result

    assert result["uploadPath"] == ticket["uploadPath"]
    assert (result["originalFileName"], result["fileSize"], result["sha256"]) == ("big plan.jmx", len(PLAIN), digest)
    assert result["preflight"]["status"] in {"OK", "WARN"}
    again = api.post("complete_upload", uploadPath=ticket["uploadPath"]).result
    assert again == result
    fields = {"name": "n", "endpoint": "http://h", "entry": "JMX", "contentRef": result["uploadPath"]}
    assert api.post("create_load_test_definition", **fields).status == 200


def test_a_put_after_the_check_changes_nothing(api: Api) -> None:
    ticket = announce(api, PLAIN)
    put(ticket, PLAIN)
    path = api.post("complete_upload", uploadPath=ticket["uploadPath"]).result["uploadPath"]
    put(ticket, b"something else")

    key = "uploads/" + path.removeprefix("tandem://uploads/")
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read() == PLAIN


@pytest.mark.parametrize("caller", [BOB, Caller("alice ")])
def test_somebody_elses_upload_cannot_be_taken_over(api: Api, caller: Caller) -> None:
    ticket = announce(api, PLAIN)
    put(ticket, PLAIN)

    for answer in (
        api.post("complete_upload", caller, uploadPath=ticket["uploadPath"]),
        api.post("complete_upload", uploadPath=ticket["uploadPath"], namespace="other"),
    ):
        assert (answer.status, answer.code) == (404, "UPLOAD_NOT_FOUND")
    assert len(stored_objects()) == 1


@pytest.mark.parametrize(
    "path", ["tandem://uploads/upload_0/x.jmx", "x", "tandem://uploads/", "tandem://uploads/a/b/c"]
)
def test_what_was_not_sent_cannot_be_completed(api: Api, path: str) -> None:
    assert api.post("complete_upload", uploadPath=path).code == "UPLOAD_NOT_FOUND"
    ticket = announce(api, PLAIN)
    assert api.post("complete_upload", uploadPath=ticket["uploadPath"]).code == "UPLOAD_NOT_FOUND"


def test_another_file_than_the_announced_one_is_refused(api: Api) -> None:
    ticket = announce(api, PLAIN + b" ", sha256="0" * 64)
    put(ticket, PLAIN)

    answer = api.post("complete_upload", uploadPath=ticket["uploadPath"])

    assert (answer.status, list(answer.fields)) == (422, ["uploadPath"])
    assert len(answer.body["error"]["details"]) == 2


def test_a_large_file_that_is_no_plan_is_refused(api: Api) -> None:
    ticket = announce(api, b"hello")
    put(ticket, b"hello")

    answer = api.post("complete_upload", uploadPath=ticket["uploadPath"])

    assert (answer.status, answer.code, list(answer.fields)) == (422, "INVALID_TEST_PLAN", ["uploadPath"])


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"fileName": ".."}, "fileName"),
        ({"fileName": ""}, "fileName"),
        ({"fileName": "a\u0000.jmx"}, "fileName"),
        ({"fileName": "n" * 256 + ".jmx"}, "fileName"),
        ({"fileSize": 0}, "fileSize"),
        ({"fileSize": 500 * 1024 * 1024 + 1}, "fileSize"),
        ({"fileSize": "5"}, "fileSize"),
        ({"sha256": "xyz"}, "sha256"),
    ],
)
def test_a_wrong_announcement_is_refused(api: Api, changed: dict[str, Any], field: str) -> None:
    answer = api.post("create_upload_url", **{"fileName": "a.jmx", "fileSize": 5, **changed})

    assert (answer.status, list(answer.fields)) == (422, [field])


def test_a_data_file_goes_with_a_plan(api: Api) -> None:
    plan = api.upload_plan("with_data_file.jmx").result
    assert "DATA_FILE_MISSING" in {finding["code"] for finding in plan["preflight"]["findings"]}
    data = api.upload_data(b"user,pass\na,b\n", "users.csv").result
    assert (data["fileType"], data["preflight"]) == ("csv", None)

    fields = {"name": "n", "endpoint": "http://h", "entry": "JMX", "contentRef": plan["uploadPath"]}
    new_id = api.post("create_load_test_definition", **fields, dataFiles=[data["uploadPath"]]).result

    assert api.get("get_load_test_definition", id=new_id).result["dataFiles"] == [data["uploadPath"]]
    foreign = api.upload_data(b"x", "users.csv", BOB).result["uploadPath"]
    answer = api.post("update_load_test_definition", id=new_id, dataFiles=[foreign])
    assert (answer.status, answer.code) == (404, "UPLOAD_NOT_FOUND")
    twice = [data["uploadPath"], api.upload_data(b"x", "users.csv").result["uploadPath"]]
    assert list(api.post("update_load_test_definition", id=new_id, dataFiles=twice).fields) == ["dataFiles"]
    a_plan = api.post("update_load_test_definition", id=new_id, dataFiles=[plan["uploadPath"]])
    assert list(a_plan.fields) == ["dataFiles"]
    not_a_plan = api.post("update_load_test_definition", id=new_id, contentRef=data["uploadPath"])
    assert list(not_a_plan.fields) == ["contentRef"]


@pytest.mark.parametrize("name", ["body.bin", "keys.jks", "fragment.jmx", "Makefile", "脚本.groovy"])
def test_a_file_of_any_type_may_go_along(api: Api, name: str) -> None:
    stored = api.upload_data(b"x", name).result
    assert stored["originalFileName"] == name


@pytest.mark.parametrize(("content", "name"), [(b"", "a.csv"), (b"x", "..")])
def test_what_is_no_data_file_is_refused(api: Api, content: bytes, name: str) -> None:
    answer = api.upload_data(content, name)

    assert (answer.status, list(answer.fields)) == (422, ["file"])
    assert stored_objects() == []


@pytest.mark.parametrize(
    ("policy", "fields", "status"),
    [
        ({"TANDEM_ALLOWED_TARGETS": "10.0.0.0/8,*.example"}, {"endpoint": "http://10.1.2.3"}, 200),
        ({"TANDEM_ALLOWED_TARGETS": "10.0.0.0/8,*.example"}, {"endpoint": "http://shop.other"}, 422),
        ({"TANDEM_MAX_THREADS": "5"}, {"threads": 6}, 422),
        ({"TANDEM_MAX_THREADS": "5"}, {"threads": 5}, 200),
        ({"TANDEM_MAX_THREADS": "5"}, {"threads": 6, "entry": "JMX", "contentRef": "on/engine.jmx"}, 422),
        ({"TANDEM_PREFLIGHT_CODE": "deny"}, {"entry": "JMX", "contentRef": "on/engine.jmx"}, 422),
    ],
)
def test_the_policy_holds_for_definitions(
    api: Api,
    settings: pytest.MonkeyPatch,
    definition_fields: dict[str, Any],
    policy: dict[str, str],
    fields: dict[str, Any],
    status: int,
) -> None:
    for name, value in policy.items():
        settings.setenv(name, value)
    bootstrap.reset()

    answer = api.post("create_load_test_definition", **{**definition_fields, **fields})

    assert answer.status == status, answer.text
    assert api.post("query_load_test_definitions").result["total"] == (status == 200)


def test_the_policy_bounds_how_long_a_load_lasts(
    api: Api, settings: pytest.MonkeyPatch, definition_fields: dict[str, Any]
) -> None:
    definition = api.post("create_load_test_definition", **definition_fields).result
    settings.setenv("TANDEM_MAX_DURATION_SECONDS", "100")
    bootstrap.reset()
    fields = {"definitionId": definition, "experimentId": "e1"}

    assert list(api.post("create_load_test_strategy", **fields, trafficDurationSec=101).fields) == [
        "trafficDurationSec"
    ]
    strategy = api.post("create_load_test_strategy", **fields, trafficDurationSec=100).result
    assert api.post("update_load_test_strategy", id=strategy, trafficDurationSec=200).status == 422


def test_a_store_that_fails_is_503_and_nothing_is_written(api: Api, settings: pytest.MonkeyPatch) -> None:
    settings.setenv("TANDEM_BUCKET", "no-such-bucket")
    bootstrap.reset()

    answer = api.upload_plan()

    assert (answer.status, answer.code) == (503, "STORAGE_UNAVAILABLE")
