"""Say whether what the API stands on can be reached."""

from tandem.domain.errors import DatabaseUnavailable, FieldFault, NotHealthy
from tandem.domain.load_engine import LoadEngine
from tandem.domain.ports import Database


class CheckHealth:
    def __init__(self, database: Database, engine: LoadEngine) -> None:
        self._database = database
        self._engine = engine

    def __call__(self) -> None:
        """Raises NotHealthy."""
        down = []
        try:
            self._database.ping()
        except DatabaseUnavailable as trouble:
            down.append(FieldFault("database", trouble.message))
        if not self._engine.health():
            down.append(FieldFault("engine", "gives no sign of life"))
        if down:
            raise NotHealthy("Not everything is up.", down)
