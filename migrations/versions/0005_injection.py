"""Which FIS experiment injects a run's fault, and when FIS said that it was over.

Each step looks first: MySQL commits every change of a table by itself, and a migration that died goes on where it was.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, DateTime, String
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_RUN = "t_chaos_load_test_run"
_INDEX = "idx_run_injection"


def upgrade() -> None:
    there = sa.inspect(op.get_bind())
    columns = {column["name"] for column in there.get_columns(_RUN)}
    if "injection_id" not in columns:
        op.add_column(_RUN, Column("injection_id", String(64)))
    if "injection_ended_at" not in columns:
        moment = DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
        op.add_column(_RUN, Column("injection_ended_at", moment))
    if _INDEX not in {index["name"] for index in there.get_indexes(_RUN)}:
        op.create_index(_INDEX, _RUN, ["injection_id"])


def downgrade() -> None:
    op.drop_index(_INDEX, _RUN)
    for name in ("injection_ended_at", "injection_id"):
        op.drop_column(_RUN, name)
