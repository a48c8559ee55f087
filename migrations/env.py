"""Runs migrations on the connection or URL that the caller put into the configuration."""

from alembic import context
from sqlalchemy import Connection
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.tables import metadata

_LONGEST_CHANGE = 3600
"""Seconds for one statement."""


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # SQLite cannot alter a table in place.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    _run(given)
else:
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise SystemExit("no database: set sqlalchemy.url, or pass a connection")
    # As the functions connect: on SQLite a migration is one transaction, on MySQL a change may take its time.
    engine = open_engine(Connections(url, answer_seconds=_LONGEST_CHANGE))
    with engine.connect() as own:
        _run(own)
        own.commit()
    engine.dispose()
