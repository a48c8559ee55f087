"""What a run's archive says is kept with the run; what a strategy takes for a healthy baseline.

Each step looks first: MySQL commits every change of a table by itself, and a migration that died goes on where it was.

Revision: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, DateTime, Double, String
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_RUN, _STRATEGY = "t_chaos_load_test_run", "t_chaos_load_test_strategy"
_MILLIS = DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")


def upgrade() -> None:
    for table, column in _columns():
        if column.name not in _there(table):
            op.add_column(table, column)


def downgrade() -> None:
    for table, column in reversed(_columns()):
        if column.name in _there(table):
            op.drop_column(table, str(column.name))


def _columns() -> list[tuple[str, "Column[object]"]]:
    return [
        (_STRATEGY, Column("expected_error_rate", Double(asdecimal=False))),
        (_RUN, Column("verdict", String(16))),
        (_RUN, Column("archived_at", _MILLIS)),
        (_RUN, Column("stop_overdue_at", _MILLIS)),
    ]


def _there(table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
