"""Loads on several engines: how many a strategy asks for, and what is known of each part of a run.

Each step looks first: MySQL commits every change of a table by itself, and a migration that died goes on where it was.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, SmallInteger, Text, text
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_RUN, _STRATEGY = "t_chaos_load_test_run", "t_chaos_load_test_strategy"
_OLD_INDEX, _NEW_INDEX = "idx_run_engine", "idx_run_engines"


def upgrade() -> None:
    there = sa.inspect(op.get_bind())
    if "engines" not in {column["name"] for column in there.get_columns(_STRATEGY)}:
        op.add_column(_STRATEGY, Column("engines", SmallInteger, nullable=False, server_default=text("1")))
    columns = {column["name"] for column in there.get_columns(_RUN)}
    if "engines" not in columns:
        op.add_column(_RUN, Column("engines", SmallInteger))
    if "parts" not in columns:
        op.add_column(_RUN, Column("parts", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")))
    # The new index first: room on the engines is counted from it while loads are placed.
    indexes = {index["name"] for index in there.get_indexes(_RUN)}
    if _NEW_INDEX not in indexes:
        op.create_index(_NEW_INDEX, _RUN, ["settled", "engines", "engine", "threads"])
    if _OLD_INDEX in indexes:
        op.drop_index(_OLD_INDEX, _RUN)


def downgrade() -> None:
    op.create_index(_OLD_INDEX, _RUN, ["settled", "engine", "threads"])
    op.drop_index(_NEW_INDEX, _RUN)
    for name in ("parts", "engines"):
        op.drop_column(_RUN, name)
    op.drop_column(_STRATEGY, "engines")
