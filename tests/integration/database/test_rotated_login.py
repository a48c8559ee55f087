"""A password that is rotated under a warm function: the secret is read again, once, and the work goes on."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.pool import NullPool
from tandem.bootstrap import Application
from tandem.domain.errors import DatabaseUnavailable, SecretUnavailable
from tandem.settings import Settings

pytestmark = pytest.mark.database

USER = "'rotated'@'%%'"


@pytest.fixture
def admin(server_url: str) -> Iterator[Engine]:
    engine = create_engine(server_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP USER IF EXISTS {USER}")
        connection.exec_driver_sql(f"CREATE USER {USER} IDENTIFIED BY 'first'")
        connection.exec_driver_sql(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {make_url(server_url).database}.* TO {USER}"
        )
    yield engine
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP USER {USER}")
    engine.dispose()


@pytest.fixture
def secret(server_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        made = boto3.client("secretsmanager").create_secret(Name="rotated-login", SecretString=login("first"))
        yield made["ARN"]


def login(password: str) -> str:
    return json.dumps({"username": "rotated", "password": password})


@pytest.fixture
def application(server_url: str, admin: Engine, secret: str) -> Iterator[Application]:
    server = make_url(server_url)
    warm = Application(
        Settings(
            database_secret_arn=secret,
            database_host=server.host or "",
            database_port=server.port or 3306,
            database_name=server.database or "",
        )
    )
    yield warm
    warm.database.close()


def rotate(admin: Engine, password: str) -> None:
    """Change the password, and cut the connections that had been made with the old one."""
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER USER {USER} IDENTIFIED BY '{password}'")
        listed = connection.exec_driver_sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'rotated'")
        for identifier in listed.scalars().all():
            connection.exec_driver_sql(f"KILL CONNECTION {identifier}")


def test_a_warm_function_goes_on_after_a_rotation(application: Application, admin: Engine, secret: str) -> None:
    application.database.ping()
    rotate(admin, "second")
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=login("second"))
    assert application.database.read(lambda uow: uow.runs.unsettled(1)) == []
    # The new password is remembered: the next connection needs no look at the secret.
    boto3.client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    rotate(admin, "second")
    assert application.database.read(lambda uow: uow.runs.unsettled(1)) == []


def test_a_password_that_the_secret_does_not_know_yet_is_an_outage(application: Application, admin: Engine) -> None:
    application.database.ping()
    rotate(admin, "second")
    with pytest.raises(DatabaseUnavailable):
        application.database.read(lambda uow: uow.runs.unsettled(1))


def test_a_secret_that_cannot_be_read_is_named_without_what_it_holds(
    application: Application, admin: Engine, secret: str
) -> None:
    application.database.ping()
    rotate(admin, "second")
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="rotated:hunter2")
    with pytest.raises(SecretUnavailable, match="no JSON") as caught:
        application.database.read(lambda uow: uow.runs.unsettled(1))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
