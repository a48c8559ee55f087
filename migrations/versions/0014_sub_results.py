"""Whether a definition's results have rows of redirects and embedded resources.

The step looks first: a migration that died behind it is repeated.

Revision: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Boolean, Column, text

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_DEFINITION = "t_chaos_load_test_definition"
_COLUMN = "sub_results"


def upgrade() -> None:
    if not _is_there():
        kind = Boolean(create_constraint=False)
        op.add_column(_DEFINITION, Column(_COLUMN, kind, nullable=False, server_default=text("0")))


def downgrade() -> None:
    if _is_there():
        op.drop_column(_DEFINITION, _COLUMN)


def _is_there() -> bool:
    return _COLUMN in {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_DEFINITION)}
