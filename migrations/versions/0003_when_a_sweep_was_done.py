"""When a sweep was last done: its age is one of the statistics.

Revision: 0003
"""

from alembic import op
from sqlalchemy import Column, DateTime
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; releases before it neither read nor write it."""
    moment = DateTime().with_variant(mysql.DATETIME(fsp=3), "mysql", "mariadb")
    op.add_column("t_chaos_load_test_lease", Column("done_at", moment))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("t_chaos_load_test_lease", "done_at")
