"""Each engine of the pool gets a token of its own, where the secret has one."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from tandem.bootstrap import Application
from tandem.domain.errors import EngineRefused
from tandem.settings import Settings

from tests.fakes.trap_engine import TrapEngine


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield _put({"token": "of-all", "token.b": "of-b"})


def _put(tokens: dict[str, str], arn: str | None = None) -> str:
    secrets = boto3.client("secretsmanager")
    if arn is None:
        return str(secrets.create_secret(Name="tokens", SecretString=json.dumps(tokens))["ARN"])
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(tokens))
    return arn


def test_an_engine_is_sent_its_own_token_and_no_other(secret: str) -> None:
    connect = Application(Settings(engine_token_secret_arn=secret)).connect_engine
    with TrapEngine() as engine:
        for name, token in (("b", "of-b"), ("default", "of-all"), ("c", "of-all")):
            engine.token = token
            assert connect(name, engine.url).list_runs() == []
            assert {call.headers["Authorization"] for call in engine.calls} == {f"Bearer {token}"}
            engine.calls.clear()
        engine.token = "of-all"
        with pytest.raises(EngineRefused):
            connect("b", engine.url).list_runs()


def test_a_token_that_was_given_to_an_engine_later_is_read_anew(secret: str) -> None:
    connect = Application(Settings(engine_token_secret_arn=secret)).connect_engine
    with TrapEngine() as engine:
        engine.token = "of-c"
        client = connect("c", engine.url)
        _put({"token": "of-all", "token.c": "of-c"}, secret)
        assert client.list_runs() == []
