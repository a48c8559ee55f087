"""How long a definition's load lasts: whether its loops may end it, and what set-up and tear-down groups may take.

Each step looks first: MySQL commits every change of a table by itself, and a migration that died goes on where it was.

Revision: 0013
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Boolean, Column, Integer, text
from sqlalchemy.types import TypeEngine

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_DEFINITION = "t_chaos_load_test_definition"
_COLUMNS: dict[str, tuple[TypeEngine[Any], str]] = {
    "respect_loops": (Boolean(create_constraint=False), "0"),
    "set_up_limit_sec": (Integer(), "300"),
    "tear_down_limit_sec": (Integer(), "30"),
}


def upgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_DEFINITION)}
    for name, (kind, default) in _COLUMNS.items():
        if name not in there:
            op.add_column(_DEFINITION, Column(name, kind, nullable=False, server_default=text(default)))


def downgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(_DEFINITION)}
    for name in reversed(_COLUMNS):
        if name in there:
            op.drop_column(_DEFINITION, name)
