"""Every statement of the runbooks and of the deploy guide runs, on a server with data."""

import re
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.engine_state import StopReason

from tests.factories.experiments import NOON, seconds_after_noon, started_run

pytestmark = pytest.mark.database

DOCS = Path(__file__).resolve().parents[3] / "docs"


def statements_of(document: str, first_words: str) -> list[str]:
    """Those of indented blocks, to their semicolon, and those in backticks."""
    words = (DOCS / document).read_text(encoding="utf-8")
    blocks = re.findall(rf"^    ((?:{first_words}) [^;]*);$", words, re.MULTILINE)
    return [re.sub(r"\s+", " ", each) for each in [*blocks, *re.findall(rf"`((?:{first_words}) [^`]*)`", words)]]


QUERIES = statements_of("operations.md", "SELECT|SHOW")


def test_the_runbooks_have_queries() -> None:
    assert len(QUERIES) >= 5


@pytest.fixture
def busy_url(server_url: str) -> str:
    """A database with a load that is being stopped, messages that wait, and a sweep that was done."""
    database = SqlDatabase(open_engine(Connections(server_url)))
    stopping = started_run()
    stopping.request_stop(StopReason.USER, "enough", NOON)
    database.write(lambda uow: uow.runs.add(stopping))
    database.write(lambda uow: uow.leases.acquire("sync", "holder", NOON, seconds_after_noon(55)))
    database.write(lambda uow: uow.leases.release("sync", "holder", NOON, done=True))
    database.close()
    return server_url


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_runbooks_runs_and_finds_something(busy_url: str, query: str) -> None:
    with create_engine(busy_url, poolclass=NullPool).connect() as connection:
        assert connection.execute(text(query)).all()


def test_the_users_of_the_deploy_guide_can_be_made(server_url: str) -> None:
    made = statements_of("deploy.md", "CREATE|GRANT")
    assert len(made) >= 5
    engine = create_engine(server_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        try:
            for statement in made:
                connection.exec_driver_sql(statement.replace("%", "%%"))
        finally:
            connection.exec_driver_sql("DROP USER IF EXISTS 'tandem'@'%%', 'tandem_migrations'@'%%'")
            connection.exec_driver_sql("DROP DATABASE IF EXISTS tandem")
