"""When the fault itself began and ended, as whoever injects it says.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, DateTime
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_RUN = "t_chaos_load_test_run"
_COLUMNS = ("fault_started_at", "fault_ended_at")


def upgrade() -> None:
    """Add the columns, as far as a migration that died has not."""
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_RUN)}
    for name in _COLUMNS:
        if name not in present:
            op.add_column(_RUN, Column(name, DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")))


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column(_RUN, name)
