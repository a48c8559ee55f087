"""The first schema: definitions, strategies, tasks, and what the orchestration remembers.

The task table of the requirements may be there already, with rows: it is kept, turned to utf8mb4 with a binary
collation, and its rows get the memory of a run, so that the sync and the API treat them like any other.

Revision: 0001
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TASK_TABLE = "t_chaos_load_test_task"

_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _key() -> BigInteger:
    """An auto-increment key; SQLite increments nothing but INTEGER."""
    return BigInteger().with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb").with_variant(Integer, "sqlite")


_SECONDS = DateTime().with_variant(mysql.DATETIME(), "mysql", "mariadb")
_MILLIS = DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
_DOCUMENT = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def _create(table: str, *parts: SchemaItem, indices: Mapping[str, Sequence[str]] | None = None, **options: Any) -> None:
    """Create what of a table and its indices is not there: MySQL keeps what a migration did before it died."""
    if not sa.inspect(op.get_bind()).has_table(table):
        op.create_table(table, *parts, **options)
    present = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
    for name, columns in (indices or {}).items():
        if name not in present:
            op.create_index(name, table, list(columns))


def _create_definition() -> None:
    _create(
        "t_chaos_load_test_definition",
        Column("id", _key(), primary_key=True, autoincrement=True),
        Column("gmt_create", _MILLIS, nullable=False),
        Column("gmt_modified", _MILLIS, nullable=False),
        Column("definition_id", String(64), nullable=False),
        Column("user_id", String(64), nullable=False),
        Column("namespace", String(64), nullable=False),
        Column("name", String(255), nullable=False),
        Column("engine_type", String(32), nullable=False),
        Column("endpoint", String(1024), nullable=False),
        Column("entry", String(16), nullable=False),
        Column("content_ref", String(1024)),
        Column("url_case", _DOCUMENT),
        Column("threads", Integer, nullable=False),
        Column("ramp_up", Integer, nullable=False),
        Column("loops", Integer),
        Column("heap_size", String(16)),
        Column("properties", _DOCUMENT, nullable=False),
        Column("data_files", _DOCUMENT, nullable=False),
        Column("created_by", String(64), nullable=False),
        Column("live", SmallInteger),
        UniqueConstraint("definition_id", name="uk_definition_id"),
        UniqueConstraint("user_id", "namespace", "name", "live", name="uk_definition_name"),
        indices={
            "idx_definition_page": ("user_id", "namespace", "live", "id"),
        },
        **_MYSQL,
    )


def _create_strategy() -> None:
    _create(
        "t_chaos_load_test_strategy",
        Column("id", _key(), primary_key=True, autoincrement=True),
        Column("gmt_create", _MILLIS, nullable=False),
        Column("gmt_modified", _MILLIS, nullable=False),
        Column("strategy_id", String(64), nullable=False),
        Column("user_id", String(64), nullable=False),
        Column("namespace", String(64), nullable=False),
        Column("enable", Boolean(create_constraint=False), nullable=False),
        Column("definition_id", String(64), nullable=False),
        Column("experiment_id", String(64), nullable=False),
        Column("start_before_fault_sec", Integer, nullable=False),
        Column("traffic_duration_sec", Integer, nullable=False),
        Column("abort_on_load_failure", Boolean(create_constraint=False), nullable=False),
        Column("stop_on_completion", Boolean(create_constraint=False), nullable=False),
        Column("gate_timeout_sec", Integer, nullable=False),
        Column("gate_min_throughput", Double(asdecimal=False)),
        Column("gate_max_error_rate", Double(asdecimal=False)),
        Column("slo", _DOCUMENT),
        Column("live", SmallInteger),
        UniqueConstraint("strategy_id", name="uk_strategy_id"),
        UniqueConstraint("user_id", "namespace", "experiment_id", "live", name="uk_strategy_experiment"),
        indices={
            "idx_strategy_page": ("user_id", "namespace", "live", "id"),
            "idx_strategy_definition": ("definition_id", "live"),
        },
        **_MYSQL,
    )


def _create_task() -> None:
    _create(
        "t_chaos_load_test_task",
        Column("id", _key(), primary_key=True, autoincrement=True, comment="主键"),
        Column("gmt_create", _SECONDS, nullable=False, comment="创建时间"),
        Column("gmt_modified", _SECONDS, nullable=False, comment="修改时间"),
        Column("task_id", String(64), nullable=False, comment="压测任务ID"),
        Column("strategy_id", String(64), nullable=False, comment="压测策略ID"),
        Column("experiment_task_id", String(64), nullable=False, comment="演练任务ID"),
        Column("execution_id", String(128), comment="压测引擎执行ID"),
        Column("status", String(32), nullable=False, server_default=text("'PENDING'"), comment="任务状态"),
        Column("start_time", _SECONDS, comment="开始时间"),
        Column("end_time", _SECONDS, comment="结束时间"),
        Column("error_message", Text, comment="错误信息"),
        Column("result_path", String(512), comment="结果文件路径"),
        Column("report_path", String(512), comment="报告路径"),
        Column("log_path", String(512), comment="日志路径"),
        Column("user_id", String(64), nullable=False, comment="用户ID"),
        Column("namespace", String(64), nullable=False, server_default=text("'default'"), comment="命名空间"),
        Column(
            "is_delete",
            SmallInteger().with_variant(mysql.TINYINT(4), "mysql", "mariadb"),
            nullable=False,
            server_default=text("'0'"),
            comment="是否删除",
        ),
        UniqueConstraint("task_id", name="uk_task_id"),
        indices={
            "idx_strategy_id": ("strategy_id",),
            "idx_experiment_task_id": ("experiment_task_id",),
            "idx_execution_id": ("execution_id",),
            "idx_status": ("status",),
            "idx_task_page": ("user_id", "namespace", "is_delete", "id"),
        },
        comment="压测任务表",
        **_MYSQL,
    )


def _create_run() -> None:
    _create(
        "t_chaos_load_test_run",
        Column("id", _key(), primary_key=True, autoincrement=True),
        Column("gmt_create", _MILLIS, nullable=False),
        Column("experiment_task_id", String(64), nullable=False),
        Column("experiment_id", String(64)),
        Column("user_id", String(64)),
        Column("namespace", String(64)),
        Column("task_id", String(64)),
        Column("workflow_arn", String(512)),
        Column("plan", _DOCUMENT),
        Column("fault_at", _MILLIS),
        Column("start_due_at", _MILLIS),
        Column("start_first_tried_at", _MILLIS),
        Column("start_attempted_at", _MILLIS),
        Column("load_accepted_at", _MILLIS),
        Column("load_started_at", _MILLIS),
        Column("load_proven_at", _MILLIS),
        Column("load_failure", Text),
        Column("deadline", _MILLIS),
        Column("window_due_at", _MILLIS),
        Column("window_opened_at", _MILLIS),
        Column("window_load_proven", Boolean(create_constraint=False)),
        Column("abort_requested_at", _MILLIS),
        Column("task_token", Text),
        Column("stop_requested_at", _MILLIS),
        Column("stop_cause", String(32)),
        Column("stop_reason", Text),
        Column("stop_claimed_at", _MILLIS),
        Column("stop_confirmed_at", _MILLIS),
        Column("finished_at", _MILLIS),
        Column("outcome", String(32)),
        Column("finish_reason", Text),
        Column("missing_sweeps", Integer, nullable=False, server_default=text("0")),
        Column("settled", SmallInteger, nullable=False),
        UniqueConstraint("experiment_task_id", name="uk_run_experiment_task_id"),
        UniqueConstraint("task_id", name="uk_run_task_id"),
        indices={
            "idx_run_settled": ("settled", "id"),
        },
        **_MYSQL,
    )


def _create_audit() -> None:
    _create(
        "t_chaos_load_test_audit",
        Column("id", _key(), primary_key=True, autoincrement=True),
        Column("task_id", String(64), nullable=False),
        Column("at", _MILLIS, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("from_status", String(32)),
        Column("to_status", String(32)),
        Column("reason", Text, nullable=False),
        indices={
            "idx_audit_task": ("task_id", "id"),
        },
        **_MYSQL,
    )


def _create_outbox() -> None:
    _create(
        "t_chaos_load_test_outbox",
        Column("id", _key(), primary_key=True, autoincrement=True),
        Column("channel", String(16), nullable=False),
        Column("topic", Text, nullable=False),
        Column("body", _DOCUMENT, nullable=False),
        Column("gmt_create", _MILLIS, nullable=False),
        Column("due_at", _MILLIS, nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        indices={
            "idx_outbox_due": ("due_at", "id"),
        },
        **_MYSQL,
    )


def _create_upload() -> None:
    _create(
        "t_chaos_load_test_upload",
        Column("id", _key(), primary_key=True, autoincrement=True),
        Column("gmt_create", _MILLIS, nullable=False),
        Column("upload_id", String(64), nullable=False),
        Column("user_id", String(64), nullable=False),
        Column("namespace", String(64), nullable=False),
        Column("kind", String(16), nullable=False),
        Column("file_name", String(255), nullable=False),
        Column("original_file_name", String(255), nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("sha256", String(64), nullable=False),
        UniqueConstraint("upload_id", name="uk_upload_id"),
        **_MYSQL,
    )


def _create_lease() -> None:
    _create(
        "t_chaos_load_test_lease",
        Column("name", String(64), primary_key=True),
        Column("holder", String(64), nullable=False),
        Column("expires_at", _MILLIS, nullable=False),
        **_MYSQL,
    )


def upgrade() -> None:
    # A task table that is there may be the requirements', or our own without its last indices: both become the same.
    _convert_task_table()
    _create_task()
    _create_definition()
    _create_strategy()
    _create_run()
    _create_audit()
    _create_outbox()
    _create_upload()
    _create_lease()
    _remember_runs_of_old_tasks()


def downgrade() -> None:
    """Remove what is ours. The task table stays while it holds rows: it may be older than we are."""
    op.drop_table("t_chaos_load_test_lease")
    op.drop_table("t_chaos_load_test_upload")
    op.drop_table("t_chaos_load_test_outbox")
    op.drop_table("t_chaos_load_test_audit")
    op.drop_table("t_chaos_load_test_run")
    op.drop_table("t_chaos_load_test_strategy")
    op.drop_table("t_chaos_load_test_definition")
    connection = op.get_bind()
    if connection.execute(sa.text(f"SELECT COUNT(*) FROM {TASK_TABLE}")).scalar_one() == 0:  # noqa: S608 - a constant
        op.drop_table(TASK_TABLE)
    else:
        op.drop_index("idx_task_page", TASK_TABLE)


def _convert_task_table() -> None:
    """Turn a task table that is there to utf8mb4 with a binary collation, unless it is so."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite" or not sa.inspect(bind).has_table(TASK_TABLE):
        return
    others = sa.text(
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = :table "
        "AND collation_name <> 'utf8mb4_bin'"
    )
    if bind.execute(others, {"table": TASK_TABLE}).scalar_one() == 0:
        return
    # A conversion alone would widen TEXT to MEDIUMTEXT, so that as many characters fit as before. In one statement
    # with the conversion MySQL does it last and widens all the same; a column that is utf8mb4 already it leaves.
    op.execute(
        f"ALTER TABLE {TASK_TABLE} "
        "MODIFY error_message TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT '错误信息'"
    )
    op.execute(f"ALTER TABLE {TASK_TABLE} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")


_OLD_TASKS = sa.table(
    TASK_TABLE,
    *[sa.column(name) for name in ("id", "task_id", "experiment_task_id", "user_id", "namespace", "status")],
    *[sa.column(name, DateTime) for name in ("gmt_create", "start_time")],
)
_RUNS = sa.table(
    "t_chaos_load_test_run",
    *[sa.column(name) for name in ("experiment_task_id", "user_id", "namespace", "task_id", "settled")],
    *[sa.column(name, _MILLIS) for name in ("gmt_create", "deadline", "window_opened_at")],
)
_BATCH = 1_000


def _remember_runs_of_old_tasks() -> None:
    """One run for each experiment task, that of its newest task; an active one gets a deadline, so that it ends.

    Those that have a run got it from a migration that died afterwards.
    """
    newest = sa.select(sa.func.max(_OLD_TASKS.c.id)).group_by(_OLD_TASKS.c.experiment_task_id)
    known = sa.exists().where(_RUNS.c.experiment_task_id == _OLD_TASKS.c.experiment_task_id)
    rows = op.get_bind().execute(sa.select(_OLD_TASKS).where(_OLD_TASKS.c.id.in_(newest), ~known)).all()
    for batch in _batches([_run_of(row) for row in rows]):
        op.get_bind().execute(sa.insert(_RUNS), batch)


def _run_of(row: sa.Row[Any]) -> dict[str, Any]:
    active = row.status in {"PENDING", "RUNNING"}
    began = row.start_time or row.gmt_create
    return {
        "gmt_create": row.gmt_create,
        "experiment_task_id": row.experiment_task_id,
        "user_id": row.user_id,
        "namespace": row.namespace,
        "task_id": row.task_id,
        # The longest duration that a strategy may have, and the grace beyond it.
        "deadline": began + timedelta(seconds=86_400 + 120) if active else None,
        # Nobody waits any more for a word from us about an experiment of that time.
        "window_opened_at": began,
        "settled": 0 if active else 1,
    }


def _batches(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, len(rows), _BATCH):
        yield rows[first : first + _BATCH]
