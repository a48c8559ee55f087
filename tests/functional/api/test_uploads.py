"""POST /UploadJmxFile and POST /UploadTestDataFile."""

import hashlib

import boto3
import pytest

from tests.factories.api_events import post_file
from tests.functional.conftest import BUCKET, PLANS, Api, send, stored_objects

MULTIPART = "multipart/form-data; boundary=x"
PLAIN = (PLANS / "plain.jmx").read_bytes()


def test_an_uploaded_plan_is_stored_and_described(api: Api) -> None:
    result = api.upload_plan().result

    assert result["originalFileName"] == "plain.jmx"
    assert result["fileType"] == "jmx"
    assert result["fileSize"] == len(PLAIN)
    assert result["sha256"] == hashlib.sha256(PLAIN).hexdigest()
    assert result["uploadPath"].startswith("tandem://uploads/")
    assert result["accessUrl"] == result["uploadPath"]
    assert isinstance(result["uploadTime"], int)
    assert result["uploadDate"].endswith("+00:00")
    assert result["preflight"]["status"] in {"OK", "WARN"}
    key = "uploads/" + result["uploadPath"].removeprefix("tandem://uploads/")
    assert stored_objects() == [key]
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read() == PLAIN


def test_a_plan_may_be_the_raw_body(api: Api) -> None:
    result = api.raw(
        "upload_jmx_file", "POST", body=PLAIN.decode(), content_type="application/xml", query="fileName=my%20plan.JMX"
    ).result

    assert result["originalFileName"] == "my plan.JMX"
    assert result["fileSize"] == len(PLAIN)


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "a.jmx", "empty"),
        (b"hello", "a.jmx", "no XML"),
        (b"<html/>", "a.jmx", "html"),
        (PLAIN.decode().encode("utf-16"), "a.jmx", "UTF-16"),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><jmeterTestPlan/>', "a.jmx", "entit"),
        (PLAIN, "a.txt", ".jmx"),
        (PLAIN, "", "name"),
    ],
)
def test_what_is_no_plan_is_refused_and_nothing_is_stored(api: Api, content: bytes, name: str, says: str) -> None:
    answer = send("upload_jmx_file", post_file(content, name))

    assert answer.status == 422
    assert says in answer.text
    assert stored_objects() == []


def test_an_upload_without_a_file_names_the_field(api: Api) -> None:
    answer = send("upload_jmx_file", post_file(b"", None, fields={"namespace": "n"}))

    assert answer.status == 422
    assert answer.fields == {"file": "is required"}


def test_a_file_over_the_limit_is_413_and_says_what_takes_it(api: Api) -> None:
    answer = send("upload_jmx_file", post_file(PLAIN + b" " * (4 * 1024 * 1024)))

    assert answer.status == 413
    assert answer.code == "TOO_LARGE"
    assert "CreateUploadUrl" in answer.text


def test_a_file_just_within_the_limit_is_taken(api: Api) -> None:
    content = PLAIN + b"\n" * (4 * 1024 * 1024 - len(PLAIN))

    assert send("upload_jmx_file", post_file(content)).result["fileSize"] == 4 * 1024 * 1024


@pytest.mark.parametrize(
    "request_parts",
    [
        {"body": b"--x\r\nno headers", "content_type": MULTIPART},
        {"body": b"whatever", "content_type": "multipart/form-data"},
        {"body": b"whatever", "content_type": "multipart/form-data; boundary=\u00e4\u4e2d"},
        {"body": b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n', "content_type": MULTIPART},
        {"body": '{"file": "x"}', "content_type": "application/json"},
        {"body": b"file=x", "content_type": "application/x-www-form-urlencoded"},
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_taken_apart_is_400(api: Api, request_parts: dict[str, object]) -> None:
    answer = api.raw("upload_jmx_file", "POST", **request_parts)

    assert answer.status == 400
    assert answer.code == "MALFORMED_REQUEST"
    assert stored_objects() == []


def test_a_plan_with_code_is_denied_with_every_reason_at_once(api: Api, settings: pytest.MonkeyPatch) -> None:
    from tandem import bootstrap

    settings.setenv("TANDEM_PREFLIGHT_CODE", "deny")
    bootstrap.reset()

    answer = api.upload_plan("with_script.jmx")

    assert answer.status == 422
    assert answer.code == "TEST_PLAN_DENIED"
    assert all(fault["field"] == "file" for fault in answer.body["error"]["details"])
    assert "CODE_ELEMENT" in answer.text
    assert stored_objects() == []


def test_a_plan_with_code_is_let_through_with_a_warning(api: Api) -> None:
    preflight = api.upload_plan("with_script.jmx").result["preflight"]

    assert preflight["status"] == "WARN"
    assert "CODE_ELEMENT" in {finding["code"] for finding in preflight["findings"]}
    assert {"code", "severity", "element", "path", "message", "values"} == set(preflight["findings"][0])
