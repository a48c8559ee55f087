"""Experiments that were announced and got no load, and why: kept for a day.

Each step looks first: MySQL commits every change of a table by itself, and a migration that died goes on where it was.

Revision: 0010
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, Integer, String, Text, UniqueConstraint
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLE = "t_chaos_load_test_announcement"
_INDEX = "idx_announcement_at"
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_MILLIS = DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
_KEY = BigInteger().with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb").with_variant(Integer, "sqlite")


def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table(_TABLE):
        op.create_table(
            _TABLE,
            Column("id", _KEY, primary_key=True, autoincrement=True),
            Column("at", _MILLIS, nullable=False),
            Column("experiment_task_id", String(64), nullable=False),
            Column("user_id", String(64), nullable=False),
            Column("namespace", String(64), nullable=False),
            Column("experiment_id", String(64), nullable=False),
            Column("code", String(32), nullable=False),
            Column("reason", Text, nullable=False),
            Column("answered_at", _MILLIS),
            UniqueConstraint("experiment_task_id", "user_id", "namespace", name="uk_announcement"),
            **_MYSQL,
        )
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_TABLE)}:
        op.create_index(_INDEX, _TABLE, ["at"])


def downgrade() -> None:
    op.drop_table(_TABLE)
