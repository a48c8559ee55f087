"""Every query of the API finds its rows by an index, among 100,000 rows of many users: EXPLAIN says so."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, event, text
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.transactions import SqlUnitOfWork
from tandem.domain.definition import Entry
from tandem.domain.identity import Owner
from tandem.domain.paging import PageRequest
from tandem.domain.ports import DefinitionFilter, StrategyFilter, TaskFilter, TaskKey
from tandem.domain.task import TaskStatus
from tandem.domain.task_statistics import Period
from tandem.domain.verdict_reasons import VerdictStatus

from local.settings import ServerKind
from tests.conftest import SERVERS, alembic_config, each_kind
from tests.factories.database_servers import DatabaseServers

pytestmark = [pytest.mark.database, pytest.mark.slow]

ROWS = 100_000
USERS = 1_000
OWNER = Owner("user7", "default")
# What one user has, and some more: the optimizer's numbers are estimates.
MOST_ROWS_READ = 3 * ROWS // USERS
NOW = datetime(2026, 1, 2, tzinfo=UTC)
PAGE = PageRequest(2, 20)

_TENS = "(SELECT 0 AS n UNION ALL " + " UNION ALL ".join(f"SELECT {digit}" for digit in range(1, 10)) + ")"
_NUMBERS = (
    "(SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n AS i FROM "
    + ", ".join(f"{_TENS} AS {name}" for name in "abcde")
    + ") AS numbers"
)
_FILL = {
    "t_chaos_load_test_definition": """
        (gmt_create, gmt_modified, definition_id, user_id, namespace, name, engine_type, endpoint, entry, threads,
         ramp_up, properties, data_files, created_by, live)
        SELECT NOW(3), NOW(3), CONCAT('ldef_', i), CONCAT('user', i % {users}), 'default', CONCAT('plan ', i), 'JMETER',
         'http://h', IF(i % 2, 'URL', 'JMX'), 1, 0, '{{}}', '[]', 'u', IF(i % 10, 1, NULL)""",
    "t_chaos_load_test_strategy": """
        (gmt_create, gmt_modified, strategy_id, user_id, namespace, enable, definition_id, experiment_id,
         start_before_fault_sec, traffic_duration_sec, abort_on_load_failure, stop_on_completion, gate_timeout_sec,
         live)
        SELECT NOW(3), NOW(3), CONCAT('ls_', i), CONCAT('user', i % {users}), 'default', 1, CONCAT('ldef_', i),
         CONCAT('exp-', i), 0, 60, 0, 0, 60, IF(i % 10, 1, NULL)""",
    "t_chaos_load_test_task": """
        (gmt_create, gmt_modified, task_id, strategy_id, experiment_task_id, status, user_id, namespace, is_delete)
        SELECT NOW(), NOW(), CONCAT('ldtask_', i), CONCAT('ls_', i), CONCAT('et-', i),
         IF(i % 50, 'SUCCEEDED', 'RUNNING'), CONCAT('user', i % {users}), 'default', 0""",
    "t_chaos_load_test_run": """
        (gmt_create, experiment_task_id, user_id, namespace, task_id, settled)
        SELECT NOW(3), CONCAT('et-', i), CONCAT('user', i % {users}), 'default', CONCAT('ldtask_', i),
         IF(i % 500, 1, 0)""",
    "t_chaos_load_test_upload": """
        (gmt_create, upload_id, user_id, namespace, kind, file_name, original_file_name, size, sha256)
        SELECT NOW(3), CONCAT('upload_', i), CONCAT('user', i % {users}), 'default', 'PLAN', 'a.jmx', 'a.jmx', 1, ''""",
    "t_chaos_load_test_audit": """
        (task_id, at, kind, reason) SELECT CONCAT('ldtask_', i), NOW(3), 'NOTE', 'r'""",
}
QUERIES: dict[str, Callable[[SqlUnitOfWork], Any]] = {
    "get a definition": lambda uow: uow.definitions.get(OWNER, "ldef_7"),
    "find a name": lambda uow: uow.definitions.named(OWNER, "plan 7"),
    "list definitions": lambda uow: uow.definitions.page(OWNER, DefinitionFilter("plan", Entry.URL), PAGE),
    "get a strategy": lambda uow: uow.strategies.get(OWNER, "ls_7"),
    "get an experiment's strategy": lambda uow: uow.strategies.live_for_experiment(OWNER, "exp-7"),
    "find who uses a definition": lambda uow: uow.strategies.using("ldef_7", 20),
    "list strategies": lambda uow: uow.strategies.page(OWNER, StrategyFilter(enable=True), PAGE),
    "list a definition's strategies": lambda uow: uow.strategies.page(OWNER, StrategyFilter(None, "ldef_7"), PAGE),
    "get a task": lambda uow: uow.runs.find(OWNER, TaskKey("ldtask_7")),
    "get an experiment's task": lambda uow: uow.runs.find(OWNER, TaskKey(None, "et-7")),
    "list tasks": lambda uow: uow.runs.page(OWNER, TaskFilter(), PAGE),
    "list running tasks": lambda uow: uow.runs.page(OWNER, TaskFilter(status=TaskStatus.RUNNING), PAGE),
    "list failed runs": lambda uow: uow.runs.page(OWNER, TaskFilter(verdict=VerdictStatus.FAIL), PAGE),
    "find what the sweep has to see": lambda uow: uow.runs.unsettled(1_000),
    "find uploads": lambda uow: uow.uploads.get_many(
        OWNER, [f"tandem://uploads/upload_{number}/a.jmx" for number in (7, 1007)]
    ),
    "read a task's story": lambda uow: uow.audit.of_task("ldtask_7"),
    "count an owner's tasks": lambda uow: uow.statistics.count(OWNER, Period(NOW, None)),
}


@pytest.fixture(scope="module", params=each_kind(SERVERS))
def full(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> Iterator[Engine]:
    """A database with 100,000 rows in each table."""
    # Of its own: to drop it takes no time, to delete so many rows half a minute.
    with database_servers.fresh(ServerKind(request.param), "full") as url:
        command.upgrade(alembic_config(url), "head")
        opened = open_engine(Connections(url, answer_seconds=100))
        with opened.begin() as connection:
            for name, columns in _FILL.items():
                connection.execute(text(f"INSERT INTO {name} {columns.format(users=USERS)} FROM {_NUMBERS}"))
        with opened.connect() as connection:
            for name in _FILL:
                connection.exec_driver_sql(f"ANALYZE TABLE {name}").all()
        yield opened
        opened.dispose()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_reads_by_an_index(full: Engine, name: str) -> None:
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        sent.append((statement, parameters))

    with full.connect() as connection, connection.begin():
        event.listen(full, "before_cursor_execute", note)
        try:
            QUERIES[name](SqlUnitOfWork(connection))
        finally:
            event.remove(full, "before_cursor_execute", note)
        assert sent
        for statement, parameters in sent:
            plan = explained(connection, statement, parameters)
            assert all(step["type"] not in {"ALL", "index"} for step in plan), (statement, plan)
            assert all(step["key"] for step in plan), (statement, plan)
            assert max(int(step["rows"] or 0) for step in plan) <= MOST_ROWS_READ, (statement, plan)


def explained(connection: Connection, statement: str, parameters: Any) -> list[dict[str, Any]]:
    """The steps that read a table."""
    # MySQL draws a tree unless it is asked for the table; MariaDB knows nothing but the table.
    form = "" if getattr(connection.dialect, "is_mariadb", False) else "FORMAT=TRADITIONAL "
    rows = connection.exec_driver_sql(f"EXPLAIN {form}{statement}", parameters).mappings()
    return [dict(row) for row in rows if row["table"] is not None]
