"""What a strategy asks of the traffic check, what was measured of a run, and how the machines that made its load fared.

Each step looks first: MySQL commits every change of a table by itself, and a migration that died goes on where it was.

Revision: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Integer, Text
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_RUN, _STRATEGY = "t_chaos_load_test_run", "t_chaos_load_test_strategy"


def upgrade() -> None:
    there = sa.inspect(op.get_bind())
    strategy_columns = {column["name"] for column in there.get_columns(_STRATEGY)}
    for name in ("gate_min_samples", "gate_min_seconds"):
        if name not in strategy_columns:
            op.add_column(_STRATEGY, Column(name, Integer))
    run_columns = {column["name"] for column in there.get_columns(_RUN)}
    if "gate_figures" not in run_columns:
        op.add_column(_RUN, Column("gate_figures", Text))
    if "generators" not in run_columns:
        op.add_column(_RUN, Column("generators", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")))


def downgrade() -> None:
    for name in ("generators", "gate_figures"):
        op.drop_column(_RUN, name)
    for name in ("gate_min_seconds", "gate_min_samples"):
        op.drop_column(_STRATEGY, name)
