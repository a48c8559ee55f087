"""Which engines were removed while a run's load may have run there.

The step looks first: a migration that died behind it is repeated.

Revision: 0015
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Text

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_RUN, _COLUMN = "t_chaos_load_test_run", "removed_engines"


def upgrade() -> None:
    if not _is_there():
        op.add_column(_RUN, Column(_COLUMN, Text))


def downgrade() -> None:
    if _is_there():
        op.drop_column(_RUN, _COLUMN)


def _is_there() -> bool:
    return _COLUMN in {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_RUN)}
