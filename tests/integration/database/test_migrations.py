"""The schema's migrations, on both kinds of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.tables import metadata
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.identity import Owner
from tandem.domain.ports import TaskKey
from tandem.domain.task import TaskStatus

from tests.conftest import alembic_config

# As the requirements give it (requirements.zh.md), to the letter.
ORIGINAL_TABLE = """
CREATE TABLE IF NOT EXISTS `t_chaos_load_test_task` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT COMMENT '主键',
  `gmt_create` datetime NOT NULL COMMENT '创建时间',
  `gmt_modified` datetime NOT NULL COMMENT '修改时间',
  `task_id` varchar(64) NOT NULL COMMENT '压测任务ID',
  `strategy_id` varchar(64) NOT NULL COMMENT '压测策略ID',
  `experiment_task_id` varchar(64) NOT NULL COMMENT '演练任务ID',
  `execution_id` varchar(128) DEFAULT NULL COMMENT '压测引擎执行ID',
  `status` varchar(32) NOT NULL DEFAULT 'PENDING' COMMENT '任务状态',
  `start_time` datetime DEFAULT NULL COMMENT '开始时间',
  `end_time` datetime DEFAULT NULL COMMENT '结束时间',
  `error_message` text COMMENT '错误信息',
  `result_path` varchar(512) DEFAULT NULL COMMENT '结果文件路径',
  `report_path` varchar(512) DEFAULT NULL COMMENT '报告路径',
  `log_path` varchar(512) DEFAULT NULL COMMENT '日志路径',
  `user_id` varchar(64) NOT NULL COMMENT '用户ID',
  `namespace` varchar(64) NOT NULL DEFAULT 'default' COMMENT '命名空间',
  `is_delete` tinyint(4) NOT NULL DEFAULT '0' COMMENT '是否删除',
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_task_id` (`task_id`),
  KEY `idx_strategy_id` (`strategy_id`),
  KEY `idx_experiment_task_id` (`experiment_task_id`),
  KEY `idx_execution_id` (`execution_id`),
  KEY `idx_status` (`status`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COMMENT='压测任务表';
"""
OLD_ROWS = """
INSERT INTO t_chaos_load_test_task
  (gmt_create, gmt_modified, task_id, strategy_id, experiment_task_id, execution_id, status, start_time, user_id)
VALUES
  ('2025-08-19 08:00:00', '2025-08-19 08:00:00', 'old-1', 's-1', 'et-old', 'e-1', 'SUCCEEDED',
   '2025-08-19 08:00:01', 'alice'),
  ('2025-08-19 09:00:00', '2025-08-19 09:00:00', 'old-2', 's-1', 'et-old', 'e-2', 'RUNNING',
   '2025-08-19 09:00:01', 'alice')
"""
COLUMNS = """
SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLUMN_COMMENT FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME = 't_chaos_load_test_task' ORDER BY ORDINAL_POSITION
"""
COLLATION = """
SELECT TABLE_COLLATION FROM information_schema.TABLES
WHERE TABLE_SCHEMA = 'tandem_old' AND TABLE_NAME = 't_chaos_load_test_task'
"""


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.database)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    server = make_url(request.getfixturevalue("mariadb_server_url"))
    engine = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE tandem_migrations CHARACTER SET utf8mb4")
        yield server.set(database="tandem_migrations").render_as_string(hide_password=False)
        connection.exec_driver_sql("DROP DATABASE tandem_migrations")


def engine_of(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


def test_the_migrations_lead_to_the_tables_of_the_code(empty_url: str) -> None:
    command.upgrade(alembic_config(empty_url), "head")
    with engine_of(empty_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_can_be_taken_back_and_done_again(empty_url: str) -> None:
    config = alembic_config(empty_url)
    command.upgrade(config, "head")
    command.downgrade(config, "base")
    assert inspect(engine_of(empty_url)).get_table_names() == ["alembic_version"]
    command.upgrade(config, "head")
    assert set(metadata.tables) <= set(inspect(engine_of(empty_url)).get_table_names())


@pytest.mark.database
def test_the_task_table_is_the_one_of_the_requirements(mariadb_url: str, mariadb_server_url: str) -> None:
    with engine_of(mariadb_url).begin() as connection:
        ours = connection.exec_driver_sql(COLUMNS.format("tandem_test")).all()
        connection.exec_driver_sql("CREATE DATABASE tandem_original")
        connection.exec_driver_sql("USE tandem_original")
        connection.exec_driver_sql(ORIGINAL_TABLE)
        theirs = connection.exec_driver_sql(COLUMNS.format("tandem_original")).all()
        connection.exec_driver_sql("DROP DATABASE tandem_original")
    assert ours == theirs


@pytest.mark.database
def test_a_database_that_holds_the_original_table_keeps_its_rows(request: pytest.FixtureRequest) -> None:
    server = make_url(request.getfixturevalue("mariadb_server_url"))
    admin = create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE tandem_old")
    url = server.set(database="tandem_old").render_as_string(hide_password=False)
    try:
        with engine_of(url).begin() as connection:
            connection.exec_driver_sql(ORIGINAL_TABLE)
            connection.exec_driver_sql(OLD_ROWS)
        command.upgrade(alembic_config(url), "head")
        with engine_of(url).connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
            assert connection.execute(text(COLLATION)).scalar_one() == "utf8mb4_bin"
        database = SqlDatabase(open_engine(Connections(url)))
        alice = Owner("alice", "default")
        by_experiment = database.read(lambda uow: uow.runs.find(alice, TaskKey(experiment_task_id="et-old")))
        by_task = database.read(lambda uow: uow.runs.find(alice, TaskKey(task_id="old-1")))
        active = database.read(lambda uow: uow.runs.unsettled(10))
        database.close()
        assert by_experiment is not None
        assert by_experiment.started_task.task_id == "old-2"
        assert by_task is not None
        assert by_task.started_task.status is TaskStatus.SUCCEEDED
        assert [run.task_id for run in active] == ["old-2"]
        assert active[0].deadline is not None
        command.downgrade(alembic_config(url), "base")
        with engine_of(url).connect() as connection:
            assert connection.execute(text("SELECT COUNT(*) FROM t_chaos_load_test_task")).scalar_one() == 2
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql("DROP DATABASE tandem_old")
