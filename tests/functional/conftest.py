"""The handlers on a real database, with S3 in this process and an engine on loopback."""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tandem import bootstrap

from functions.operations.manage_engines import handler as manage
from tests.factories.api_events import ALICE, Caller, event, get, post, post_file
from tests.fakes.engine_traps import Traps
from tests.fakes.trap_engine import TrapEngine

PLANS = Path(__file__).resolve().parents[1] / "fixtures" / "plans"
BUCKET = "tandem-test-uploads"


@pytest.fixture
def api_database_url(sqlite_url: str) -> str:
    """Most of the API's behaviour does not depend on the database; modules about rows take each kind in turn."""
    return sqlite_url


@pytest.fixture(scope="session")
def aws() -> Iterator[None]:
    """AWS in this process."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield


def empty_bucket() -> None:
    s3 = boto3.client("s3")
    for key in stored_objects():
        s3.delete_object(Bucket=BUCKET, Key=key)


def stored_objects() -> list[str]:
    """The keys in the bucket."""
    return [item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.fixture
def engine() -> Iterator[TrapEngine]:
    with TrapEngine(Traps()) as fake:
        yield fake


@pytest.fixture
def settings(
    api_database_url: str, engine: TrapEngine, aws: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """The environment of the functions, over an empty database and an empty bucket."""
    monkeypatch.setenv("TANDEM_DATABASE_URL", api_database_url)
    monkeypatch.setenv("TANDEM_ENGINE_URL", engine.url)
    monkeypatch.setenv("TANDEM_BUCKET", BUCKET)
    bootstrap.reset()
    empty_bucket()
    yield monkeypatch
    bootstrap.reset()


@dataclass(frozen=True)
class Answer:
    """What a handler answered."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    text: str

    @property
    def result(self) -> Any:
        assert self.status == 200, self.text
        assert self.body["success"] is True
        return self.body["result"]

    @property
    def code(self) -> str:
        assert self.body["success"] is False
        assert self.body["result"] is None
        code: str = self.body["error"]["code"]
        return code

    @property
    def fields(self) -> dict[str, str]:
        """The faults by the name of their field."""
        return {fault["field"]: fault["message"] for fault in self.body["error"].get("details", [])}


def handler_of(name: str) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
    handler: Callable[[Mapping[str, Any], object], dict[str, Any]]
    handler = importlib.import_module(f"functions.api.{name}").handler
    return handler


def send(name: str, request: Mapping[str, Any]) -> Answer:
    """Call a handler as Lambda does: the event has been through JSON."""
    answer = handler_of(name)(json.loads(json.dumps(request)), None)
    is_json = answer["headers"]["content-type"].startswith("application/json")
    return Answer(
        answer["statusCode"], json.loads(answer["body"]) if is_json else {}, answer["headers"], answer["body"]
    )


class Api:
    """The handlers by their names, as a client sees them."""

    def get(self, name: str, caller: Caller = ALICE, /, **query: object) -> Answer:
        return send(name, get(query, caller))

    def post(self, name: str, caller: Caller = ALICE, /, **fields: object) -> Answer:
        return send(name, post(fields, caller))

    def upload_plan(self, name: str = "plain.jmx", caller: Caller = ALICE, **fields: str) -> Answer:
        return send("upload_jmx_file", post_file((PLANS / name).read_bytes(), name, caller, fields))

    def upload_data(self, content: bytes, name: str, caller: Caller = ALICE, **fields: str) -> Answer:
        return send("upload_test_data_file", post_file(content, name, caller, fields))

    def raw(self, name: str, method: str, /, **request: Any) -> Answer:
        return send(name, event(method, **request))


@pytest.fixture
def api(settings: pytest.MonkeyPatch) -> Api:
    return Api()


@pytest.fixture
def second() -> Iterator[TrapEngine]:
    with TrapEngine() as fake:
        yield fake


@pytest.fixture
def pool(api: Api, second: TrapEngine) -> dict[str, Any]:
    """The default engine, and one that an operator added."""
    return manage({"action": "put", "name": "second", "url": second.url}, None)


@pytest.fixture
def definition_fields() -> dict[str, object]:
    """A definition that needs no upload."""
    return {
        "name": "checkout",
        "endpoint": "http://127.0.0.1:9000",
        "entry": "URL",
        "urlCase": {"method": "GET", "path": "/health"},
        "threads": 2,
    }
