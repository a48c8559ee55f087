"""Bring the schema up to date; again is harmless, two at once take turns."""

from tandem.domain.housekeeping import Schema, SchemaChange
from tandem.telemetry import LogEvent, log


class MigrateDatabase:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def __call__(self) -> SchemaChange:
        """Raises DatabaseUnavailable, and whatever a migration itself fails with."""
        change = self._schema.migrate()
        log(LogEvent.SCHEMA_MIGRATED, before=change.before, after=change.after)
        return change
