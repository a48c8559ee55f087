"""No message's id is given twice: a removal that is repeated, its first answer lost, must not meet a younger message.

MySQL never does; SQLite gives the highest id again once its row is gone, unless the table says otherwise.

Revision: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OUTBOX = "t_chaos_load_test_outbox"


def upgrade() -> None:
    _rebuild(sqlite_autoincrement=True)


def downgrade() -> None:
    _rebuild()


def _rebuild(**options: bool) -> None:
    """SQLite alone takes such an option, and only with a new table; the rows go over to it."""
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table(_OUTBOX, recreate="always", table_kwargs=options):
            pass
