"""The tables. migrations/ creates them; a test fails when the two drift apart.

Every text is utf8mb4 with a binary collation, so that ids, users and names compare exactly (http-api.md, Identity).
``live`` is 1 or NULL: a unique index over it holds among the rows not deleted, on MySQL and SQLite alike.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from tandem.domain.timestamps import in_utc

metadata = MetaData()

_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, zoneless UTC in the database; cut to its precision, since MySQL would round up."""

    impl = DateTime
    cache_ok = True

    def __init__(self, fraction_digits: int) -> None:
        super().__init__()
        self.fraction_digits = fraction_digits

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=self.fraction_digits or None))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else self.stored(value)

    def stored(self, value: datetime) -> datetime:
        """The value as the database keeps it."""
        step = 10 ** (6 - self.fraction_digits)
        return in_utc(value).replace(tzinfo=None, microsecond=value.microsecond // step * step)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def _key() -> BigInteger:
    """An auto-increment key; SQLite increments nothing but INTEGER."""
    return BigInteger().with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb").with_variant(Integer, "sqlite")


_SECONDS = UtcDateTime(0)
_MILLIS = UtcDateTime(3)
_DOCUMENT = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

definition = Table(
    "t_chaos_load_test_definition",
    metadata,
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
    Column("preflight", _DOCUMENT),
    Column("respect_loops", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    Column("set_up_limit_sec", Integer, nullable=False, server_default=text("300")),
    Column("tear_down_limit_sec", Integer, nullable=False, server_default=text("30")),
    Column("sub_results", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    Column("created_by", String(64), nullable=False),
    Column("live", SmallInteger),
    UniqueConstraint("definition_id", name="uk_definition_id"),
    UniqueConstraint("user_id", "namespace", "name", "live", name="uk_definition_name"),
    Index("idx_definition_page", "user_id", "namespace", "live", "id"),
    **_MYSQL,
)

strategy = Table(
    "t_chaos_load_test_strategy",
    metadata,
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
    Column("gate_min_samples", Integer),
    Column("gate_min_seconds", Integer),
    Column("slo", _DOCUMENT),
    Column("engines", SmallInteger, nullable=False, server_default=text("1")),
    Column("expected_error_rate", Double(asdecimal=False)),
    Column("live", SmallInteger),
    UniqueConstraint("strategy_id", name="uk_strategy_id"),
    UniqueConstraint("user_id", "namespace", "experiment_id", "live", name="uk_strategy_experiment"),
    Index("idx_strategy_page", "user_id", "namespace", "live", "id"),
    Index("idx_strategy_definition", "definition_id", "live"),
    **_MYSQL,
)

# The table of the requirements, to the letter but for utf8mb4.
task = Table(
    "t_chaos_load_test_task",
    metadata,
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
    Index("idx_strategy_id", "strategy_id"),
    Index("idx_experiment_task_id", "experiment_task_id"),
    Index("idx_execution_id", "execution_id"),
    Index("idx_status", "status"),
    Index("idx_task_page", "user_id", "namespace", "is_delete", "id"),
    comment="压测任务表",
    **_MYSQL,
)

# What the orchestration remembers of an experiment task; its unique key is why there is one load for each, ever.
run = Table(
    "t_chaos_load_test_run",
    metadata,
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
    Column("fault_started_at", _MILLIS),
    Column("fault_ended_at", _MILLIS),
    Column("injection_id", String(64)),
    Column("injection_ended_at", _MILLIS),
    Column("missing_sweeps", Integer, nullable=False, server_default=text("0")),
    Column("settled", SmallInteger, nullable=False),
    # The engine of the load and the threads it takes there; NULL is the default engine.
    Column("engine", String(64)),
    Column("threads", Integer),
    Column("watched", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    # Of a load on several engines: on how many, and what is known of each part; NULL for all others.
    Column("engines", SmallInteger),
    Column("parts", _DOCUMENT),
    # What the gate's last look found, and how each engine's machine fared; NULL until there is any.
    Column("gate_figures", Text),
    Column("generators", _DOCUMENT),
    # What the run's archive says, and of when it is; since when its report waits no longer for a stop's confirmation.
    Column("verdict", String(16)),
    Column("archived_at", _MILLIS),
    Column("stop_overdue_at", _MILLIS),
    # Names of engines that were removed while the load may have run there; NULL for nearly all.
    Column("removed_engines", Text),
    UniqueConstraint("experiment_task_id", name="uk_run_experiment_task_id"),
    UniqueConstraint("task_id", name="uk_run_task_id"),
    Index("idx_run_settled", "settled", "id"),
    Index("idx_run_engines", "settled", "engines", "engine", "threads"),
    Index("idx_run_injection", "injection_id"),
    **_MYSQL,
)

# Append-only: one row for each transition of a task, and notes that its story needs.
audit = Table(
    "t_chaos_load_test_audit",
    metadata,
    Column("id", _key(), primary_key=True, autoincrement=True),
    Column("task_id", String(64), nullable=False),
    Column("at", _MILLIS, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("from_status", String(32)),
    Column("to_status", String(32)),
    Column("reason", Text, nullable=False),
    Index("idx_audit_task", "task_id", "id"),
    **_MYSQL,
)

# What has to leave the database; a row is removed when it has arrived.
outbox = Table(
    "t_chaos_load_test_outbox",
    metadata,
    Column("id", _key(), primary_key=True, autoincrement=True),
    Column("channel", String(16), nullable=False),
    Column("topic", Text, nullable=False),
    Column("body", _DOCUMENT, nullable=False),
    Column("gmt_create", _MILLIS, nullable=False),
    Column("due_at", _MILLIS, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Index("idx_outbox_due", "due_at", "id"),
    # A removal that is repeated must not meet a younger message: MySQL never gives an id twice, SQLite only with this.
    sqlite_autoincrement=True,
    **_MYSQL,
)

upload = Table(
    "t_chaos_load_test_upload",
    metadata,
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

# Experiments that were announced and got no load, and why; kept for a day. One row for each owner's experiment task.
announcement = Table(
    "t_chaos_load_test_announcement",
    metadata,
    Column("id", _key(), primary_key=True, autoincrement=True),
    Column("at", _MILLIS, nullable=False),
    Column("experiment_task_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("namespace", String(64), nullable=False),
    Column("experiment_id", String(64), nullable=False),
    Column("code", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("answered_at", _MILLIS),
    UniqueConstraint("experiment_task_id", "user_id", "namespace", name="uk_announcement"),
    Index("idx_announcement_at", "at"),
    **_MYSQL,
)

# Who may sweep now: a lease that ends by itself, because its holder may die; and when a sweep was last done.
lease = Table(
    "t_chaos_load_test_lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("expires_at", _MILLIS, nullable=False),
    Column("done_at", _MILLIS),
    **_MYSQL,
)

# What the operators say of an engine; one that the settings name has a row only when it differs from them.
engine = Table(
    "t_chaos_load_test_engine",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("gmt_modified", _MILLIS, nullable=False),
    Column("url", String(512)),
    Column("state", String(16), nullable=False),
    Column("max_loads", Integer),
    Column("max_threads", Integer),
    **_MYSQL,
)
