"""Error messages in a TEXT again: the first migration left a MEDIUMTEXT in a task table that MySQL had before it.

Revision: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TASK = "t_chaos_load_test_task"


def upgrade() -> None:
    """Look first: on MariaDB, and where the table is our own, it is a TEXT already."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        return
    found = sa.text(
        "SELECT data_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = :table "
        "AND column_name = 'error_message'"
    )
    if bind.execute(found, {"table": _TASK}).scalar_one() != "mediumtext":
        return
    # No message of ours is as long as a TEXT; one of somebody else's that is would stop the change.
    op.execute(
        f"ALTER TABLE {_TASK} MODIFY error_message TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT '错误信息'"
    )


def downgrade() -> None:
    """Nothing to take back: TEXT is what every revision meant."""
