"""Bring the schema up to date; again is harmless, two at once take turns."""

from tandem.domain.housekeeping import Schema, SchemaChange, Users
from tandem.telemetry import LogEvent, log


class MigrateDatabase:
    """``users``: whom to let in afterwards, where the database is the stack's own."""

    def __init__(self, schema: Schema, users: Users | None = None) -> None:
        self._schema = schema
        self._users = users

    def __call__(self) -> SchemaChange:
        """Raises DatabaseUnavailable, and whatever a migration itself fails with."""
        change = self._schema.migrate()
        admitted = None if self._users is None else self._users.admit()
        log(LogEvent.SCHEMA_MIGRATED, before=change.before, after=change.after, admitted=admitted)
        return change
