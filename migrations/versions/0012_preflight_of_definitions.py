"""What the preflight said of a definition when it was made or last changed.

The step looks first: MySQL commits every change of a table by itself, and a migration that died goes on where it was.

Revision: 0012
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Text
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_DEFINITION = "t_chaos_load_test_definition"


def upgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_DEFINITION)}
    if "preflight" not in there:
        op.add_column(_DEFINITION, Column("preflight", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")))


def downgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_DEFINITION)}
    if "preflight" in there:
        op.drop_column(_DEFINITION, "preflight")
