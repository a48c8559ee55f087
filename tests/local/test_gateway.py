"""The gateway speaks to handlers and clients as API Gateway's HTTP API does."""

from __future__ import annotations

import base64
import concurrent.futures
import json
from typing import Any

import httpx
import pytest

from local.functions import MAX_PAYLOAD_BYTES
from local.gateway import MAX_BODY_BYTES
from local.gateway_event import MalformedAnswer, read_answer
from local.routing import RouteTable
from local.stack import LocalStack
from local.template import Route


def echo(stack: LocalStack, path: str = "/Echo", method: str = "GET", **options: Any) -> dict[str, Any]:
    """The event that the echo function got for a request."""
    response = httpx.request(method, stack.api_url + path, **options)
    assert response.status_code == 200
    event: dict[str, Any] = response.json()["event"]
    return event


def answer(stack: LocalStack, **asked: Any) -> httpx.Response:
    return httpx.post(stack.api_url + "/Answer", json=asked, timeout=20)


def test_an_event_has_the_shape_of_payload_format_2(stack: LocalStack) -> None:
    event = echo(stack, "/chaos/Echo?a=1&a=2&b=%C3%A4&empty=", headers={"X-One": "1", "Cookie": "c=d; e=f"})
    assert event["version"] == "2.0"
    assert event["routeKey"] == "GET /chaos/Echo"
    assert (event["rawPath"], event["rawQueryString"]) == ("/chaos/Echo", "a=1&a=2&b=%C3%A4&empty=")
    assert event["queryStringParameters"] == {"a": "1,2", "b": "ä", "empty": ""}
    assert event["cookies"] == ["c=d", "e=f"]
    assert event["headers"]["x-one"] == "1"
    assert "cookie" not in event["headers"]
    assert "body" not in event
    http = event["requestContext"]["http"]
    assert (http["method"], http["path"], http["sourceIp"]) == ("GET", "/chaos/Echo", "127.0.0.1")
    assert event["requestContext"]["stage"] == "$default"


def test_repeated_headers_are_joined_by_a_comma(stack: LocalStack) -> None:
    assert echo(stack, headers=[("X-Many", "a"), ("X-Many", "b")])["headers"]["x-many"] == "a,b"


def test_path_parameters_are_told(stack: LocalStack) -> None:
    assert echo(stack, "/items/a%20b")["pathParameters"] == {"id": "a b"}


@pytest.mark.parametrize(
    ("content_type", "body", "encoded"),
    [
        ("application/json; charset=utf-8", '{"ä": 1}'.encode(), False),
        ("text/csv", b"a,b", False),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("multipart/form-data; boundary=x", b"--x--", True),
        ("application/octet-stream", b"\x00\xff", True),
        ("application/json", b"\xff\xfe", True),
    ],
)
def test_only_text_bodies_travel_as_text(stack: LocalStack, content_type: str, body: bytes, encoded: bool) -> None:
    event = echo(stack, method="POST", content=body, headers={"content-type": content_type})
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


@pytest.mark.parametrize(
    ("headers", "user"),
    [({}, "local"), ({"X-Local-User": "ada"}, "ada"), ({"X-Local-User": "蓝".encode()}, "蓝")],
)
def test_the_identity_comes_from_the_local_user_header(stack: LocalStack, headers: Any, user: str) -> None:
    iam = echo(stack, headers=headers)["requestContext"]["authorizer"]["iam"]
    assert iam["userId"] == user
    assert iam["accountId"] == "123456789012"


def test_an_empty_user_is_nobody(stack: LocalStack) -> None:
    assert "authorizer" not in echo(stack, headers={"X-Local-User": ""})["requestContext"]


def test_a_route_without_authorizer_tells_no_identity(stack: LocalStack) -> None:
    assert httpx.get(stack.api_url + "/health").json()["authorizer"] is False


def test_the_context_is_lambdas(stack: LocalStack) -> None:
    response = httpx.get(stack.api_url + "/Echo")
    context = response.json()["context"]
    assert context["functionName"] == "EchoFunction"
    assert context["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:EchoFunction"
    assert context["memory"] == "256"
    assert 0 < context["remaining"] <= 10_000
    assert context["requestId"] == response.headers["apigw-requestid"]


def test_status_headers_and_cookies_of_an_answer_reach_the_client(stack: LocalStack) -> None:
    response = httpx.get(stack.api_url + "/Echo")
    assert response.headers["x-toy"] == "yes"
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2; Path=/"]
    whole = answer(
        stack, answer={"statusCode": 418, "body": base64.b64encode(b"\x00\x01").decode(), "isBase64Encoded": True}
    )
    assert (whole.status_code, whole.content) == (418, b"\x00\x01")


def test_an_answer_without_status_is_a_json_body(stack: LocalStack) -> None:
    response = answer(stack, answer={"any": "thing"})
    assert (response.status_code, response.json()) == (200, {"any": "thing"})
    assert answer(stack, answer="text").text == "text"


def test_an_unknown_route_is_404(stack: LocalStack) -> None:
    for method, path in (("GET", "/Nowhere"), ("DELETE", "/Echo"), ("GET", "/Echo/"), ("GET", "/chaos/chaos/Echo")):
        response = httpx.request(method, stack.api_url + path)
        assert (response.status_code, response.json()) == (404, {"message": "Not Found"})


def test_a_handlers_error_is_500_and_stands_on_the_log(stack: LocalStack, caplog: pytest.LogCaptureFixture) -> None:
    response = answer(stack, error="a secret of the inside")
    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})
    assert "Unwell: a secret of the inside" in caplog.text


def test_an_answer_that_is_no_response_is_500(stack: LocalStack) -> None:
    assert answer(stack, answer={"statusCode": 200, "body": {"not": "text"}}).status_code == 500
    with pytest.raises(MalformedAnswer, match="statusCode"):
        read_answer({"statusCode": "many"})


def test_a_function_that_outlives_its_timeout_is_500(stack: LocalStack) -> None:
    response = answer(stack, sleep=2)
    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})


def test_a_body_over_10_mb_is_413(stack: LocalStack) -> None:
    def chunks() -> Any:
        for _ in range(11):
            yield b"x" * 1024 * 1024

    declared = httpx.post(stack.api_url + "/Echo", content=b"x" * (MAX_BODY_BYTES + 1), timeout=20)
    chunked = httpx.post(stack.api_url + "/Echo", content=chunks(), timeout=20)
    for response in (declared, chunked):
        assert (response.status_code, response.json()) == (413, {"message": "Request Entity Too Large"})


def test_an_event_over_lambdas_6_mb_is_413(stack: LocalStack) -> None:
    size = MAX_PAYLOAD_BYTES * 3 // 4 + 1  # base64 makes four bytes of three
    assert httpx.post(stack.api_url + "/Echo", content=b"x" * size, timeout=20).status_code == 413


def test_an_answer_over_lambdas_6_mb_is_500(stack: LocalStack) -> None:
    assert answer(stack, size=MAX_PAYLOAD_BYTES + 1).status_code == 500


def test_two_hundred_clients_at_once_are_served_with_their_own_identity(stack: LocalStack) -> None:
    def ask(number: int) -> tuple[int, str]:
        event = echo(stack, headers={"X-Local-User": f"user-{number}"}, timeout=30)
        return number, event["requestContext"]["authorizer"]["iam"]["userId"]

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        seen = dict(pool.map(ask, range(200)))
    assert seen == {number: f"user-{number}" for number in range(200)}


def test_literal_paths_go_before_variables_and_these_before_greedy_ones() -> None:
    paths = ["/{all+}", "/a/{b}", "/a/b"]
    table = RouteTable([Route("GET", path, path, authorized=True) for path in paths])
    assert [found[0].path for path in ("/a/b", "/a/c", "/x/y/z") if (found := table.find("GET", path))] == [
        "/a/b",
        "/a/{b}",
        "/{all+}",
    ]


def test_functions_see_the_local_aws_and_no_credentials_of_the_user(stack: LocalStack) -> None:
    environment = json.loads(httpx.get(stack.api_url + "/health").text)["environment"]
    assert environment["AWS_ENDPOINT_URL"] == stack.aws_url
    assert environment["AWS_ACCESS_KEY_ID"] == "local"
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert environment["TANDEM_BUS_NAME"] == "tandem-local"


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": ""}]
)
def test_a_page_of_another_site_reaches_no_function(stack: LocalStack, headers: dict[str, str]) -> None:
    response = httpx.post(stack.api_url + "/Answer", json={}, headers=headers)
    assert response.status_code == 403
    assert response.json()["message"].startswith("Forbidden: ")


def test_a_page_of_another_site_reaches_no_aws_service(stack: LocalStack) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert httpx.get(stack.aws_url + "/moto-api/data.json", headers=headers).status_code == 403
    for origin in (stack.api_url, stack.api_url.replace("127.0.0.1", "localhost"), stack.aws_url):
        assert httpx.get(stack.aws_url + "/moto-api/data.json", headers={"Origin": origin}).status_code == 200


def test_the_pages_of_the_stack_itself_may_call_it(stack: LocalStack) -> None:
    assert echo(stack, headers={"Origin": stack.api_url})["headers"]["origin"] == stack.api_url
    port = stack.api_url.rpartition(":")[2]
    assert echo(stack, headers={"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"})
