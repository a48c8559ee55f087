"""Say whether what the API stands on can be reached."""

from collections.abc import Mapping

from tandem.domain.engine_pool import LoadEngines
from tandem.domain.errors import DatabaseUnavailable, FieldFault, NotHealthy
from tandem.domain.ports import Database


class CheckHealth:
    def __init__(self, database: Database, engines: LoadEngines) -> None:
        self._database = database
        self._engines = engines

    def __call__(self) -> Mapping[str, bool]:
        """Whether each engine of the pool is up, by name. Raises NotHealthy, which names what is down."""
        down = []
        try:
            self._database.ping()
        except DatabaseUnavailable as trouble:
            down.append(FieldFault("database", trouble.message))
        engines = self._engines.health()
        for name, up in engines.items():
            if not up:
                down.append(FieldFault("engine" if len(engines) == 1 else f"engine {name}", "gives no sign of life"))
        if down:
            raise NotHealthy("Not everything is up.", down)
        return engines
