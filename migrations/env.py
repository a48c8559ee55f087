"""Runs migrations on the connection or URL that the caller put into the configuration."""

from alembic import context
from sqlalchemy import Connection, create_engine
from tandem.adapters.database.tables import metadata


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
    with create_engine(url).connect() as own:
        _run(own)
        own.commit()
