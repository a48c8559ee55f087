"""When a sweep was last done: its age is one of the statistics.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, DateTime
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LEASE = "t_chaos_load_test_lease"


def upgrade() -> None:
    """Add the column, unless a migration that died has; releases before it neither read nor write it."""
    if "done_at" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_LEASE)}:
        moment = DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
        op.add_column(_LEASE, Column("done_at", moment))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column(_LEASE, "done_at")
