"""Engines: which one runs a load, what it has room for, and which runs a lost load must be noticed of within seconds.

Rows from before have no engine: the default one. They count as watched, since nobody has looked; the first change of
such a run says what is so.

Revision: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Boolean, Column, DateTime, Integer, String, text
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RUN_TABLE = "t_chaos_load_test_run"

_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_MILLIS = DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")


def upgrade() -> None:
    # A migration that died half way is run again: what it had done is left as it is.
    inspector = sa.inspect(op.get_bind())
    present = {column["name"] for column in inspector.get_columns(RUN_TABLE)}
    for column in (
        Column("engine", String(64)),
        Column("threads", Integer),
        Column("watched", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    ):
        if column.name not in present:
            op.add_column(RUN_TABLE, column)
    if "idx_run_engine" not in {index["name"] for index in inspector.get_indexes(RUN_TABLE)}:
        op.create_index("idx_run_engine", RUN_TABLE, ["settled", "engine", "threads"])
    op.execute(f"UPDATE {RUN_TABLE} SET watched = 1 WHERE settled = 0")  # noqa: S608 - no user's text
    if not inspector.has_table("t_chaos_load_test_engine"):
        op.create_table(
            "t_chaos_load_test_engine",
            Column("name", String(64), primary_key=True),
            Column("gmt_modified", _MILLIS, nullable=False),
            Column("url", String(512)),
            Column("state", String(16), nullable=False),
            Column("max_loads", Integer),
            Column("max_threads", Integer),
            **_MYSQL,
        )


def downgrade() -> None:
    op.drop_table("t_chaos_load_test_engine")
    op.drop_index("idx_run_engine", RUN_TABLE)
    for name in ("watched", "threads", "engine"):
        op.drop_column(RUN_TABLE, name)
