"""The rows that a sweep meets: settled runs that it must not touch, and active ones among them.

One run of each kind is written by the product's own code; the others are its copies under other ids, made by the server
(numbers from a JSON_TABLE), so that a new column needs no change here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.tables import audit, outbox, run, task
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.experiment_run import ExperimentRun, RunPlan
from tandem.domain.load_engine import EngineStatus
from tandem.domain.timestamps import to_millis

from tests.factories.experiments import OWNER, definition, engine_run, strategy

_MODEL, _ACTIVE, _SETTLED = "model", "active", "settled"
_DAY_SECONDS = 86_400
_IDS: dict[str, dict[str, str | None]] = {
    task.name: {"task_id": "ldtask_", "experiment_task_id": "et-", "execution_id": None},
    run.name: {"task_id": "ldtask_", "experiment_task_id": "et-", "workflow_arn": "arn:et-"},
}


class Rows:
    """The tables of one sweep after another over the database at ``url`` (migrated, empty)."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="READ COMMITTED")
        self._database = SqlDatabase(open_engine(Connections(url)))

    def close(self) -> None:
        self._database.close()

    def fill(self, settled: int) -> None:
        """Write so many runs that ended long ago, and the model of the active ones."""
        over = _running_run(f"{_MODEL}-{_SETTLED}")
        over.learn(engine_run(EngineStatus.COMPLETED), over.created_at + timedelta(minutes=10), is_sweep=True)
        going_on = _running_run(f"{_MODEL}-{_ACTIVE}")
        self._database.write(lambda uow: uow.runs.add(over))
        self._database.write(lambda uow: uow.runs.add(going_on))
        with self._engine.begin() as connection:
            # Neither model is part of any sweep.
            connection.execute(text(f"UPDATE {run.name} SET settled = 1"))
            connection.execute(text(f"UPDATE {task.name} SET status = 'MODEL' WHERE status = 'RUNNING'"))
            _copy(connection, _SETTLED, settled, {"settled": "1"})

    def activate(self, tasks: int) -> None:
        """Have exactly the runs 1 to ``tasks`` active, as if no sweep had ever seen them."""
        with self._engine.begin() as connection:
            for table in (task, run):
                connection.execute(text(f"DELETE FROM {table.name} WHERE experiment_task_id LIKE 'et-{_ACTIVE}-%'"))
            for table in (audit, outbox):
                connection.execute(text(f"DELETE FROM {table.name}"))
            _copy(connection, _ACTIVE, tasks, {"settled": "0", "status": "'RUNNING'"})

    def ended(self) -> int:
        """How many of the active runs' tasks are over now."""
        with self._engine.connect() as connection:
            query = f"SELECT COUNT(*) FROM {task.name} WHERE task_id LIKE 'ldtask_{_ACTIVE}-%' AND status = 'SUCCEEDED'"
            return int(connection.execute(text(query)).scalar_one())


def statements_sent(engine: Engine) -> int:
    """How many statements that read or write rows the server has seen so far, from whomever."""
    kinds = ("select", "insert", "update", "update_multi", "delete", "delete_multi", "replace")
    with engine.connect() as connection:
        counted = connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Com%%'").all()
    return sum(int(value) for name, value in counted if name.removeprefix("Com_").lower() in kinds)


def _running_run(name: str) -> ExperimentRun:
    """A run in its fault window, whose load goes on for a day: nothing is due but to look at it."""
    now = to_millis(datetime.now(UTC)) - timedelta(minutes=10)
    made = ExperimentRun(f"et-{name}", now, OWNER, experiment_id="exp-1", workflow_arn=f"arn:et-{name}")
    made.create_task(f"ldtask_{name}", RunPlan(strategy(traffic_duration_sec=_DAY_SECONDS), definition()), now, now)
    made.try_start(now)
    made.attempt_start(now)
    made.accept_load(engine_run(), 120, now)
    made.see_first_sample(now)
    made.prove_load("12 samples", now)
    made.open_window(load_proven=True, reason=None, now=now)
    return made


def _copy(connection: Connection, kind: str, count: int, fixed: dict[str, str]) -> None:
    for table in (task, run):
        columns = [column.name for column in table.c if column.name != "id"]
        values = [_value(table.name, column, kind, fixed) for column in columns]
        connection.execute(text(_copy_statement(table.name, columns, values, kind, count)))


def _copy_statement(table: str, columns: Sequence[str], values: Sequence[str], kind: str, count: int) -> str:
    model = f"model.experiment_task_id = 'et-{_MODEL}-{kind}'"
    source = f"{table} AS model JOIN {_numbers(count)} WHERE {model} ORDER BY seq"
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {source}"


def _value(table: str, column: str, kind: str, fixed: dict[str, str]) -> str:
    if column in _IDS[table]:
        prefix = _IDS[table][column]
        if prefix is None:
            return "LPAD(LOWER(HEX(seq)), 8, '0')" if kind == _ACTIVE else "'ffffffff'"
        return f"CONCAT('{prefix}{kind}-', seq)"
    return fixed.get(column, f"model.{column}")


def _numbers(count: int) -> str:
    """1 to ``count``, in words that MySQL and MariaDB share."""
    document = f"CONCAT('[0', REPEAT(',0', {count - 1}), ']')"
    return f"JSON_TABLE({document}, '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers"
