"""What the operators said of engines, and what is placed on each."""

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from tandem.adapters.database import tables
from tandem.adapters.database.documents import LOAD_PARTS
from tandem.domain.engine_entry import EngineEntry, EngineState
from tandem.domain.engine_pool import Occupancy


class SqlEngines:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def entries(self) -> list[EngineEntry]:
        """All entries, by name."""
        table = tables.engine
        return [
            EngineEntry(row.name, row.url, EngineState(row.state), row.max_loads, row.max_threads)
            for row in self._connection.execute(select(table).order_by(table.c.name))
        ]

    def put(self, entry: EngineEntry, now: datetime) -> None:
        """Add an entry, or replace the one of its name."""
        table = tables.engine
        values = {
            "gmt_modified": now,
            "url": entry.url,
            "state": entry.state,
            "max_loads": entry.max_loads,
            "max_threads": entry.max_threads,
        }
        changed = self._connection.execute(update(table).where(table.c.name == entry.name).values(**values))
        if not changed.rowcount:
            self._connection.execute(insert(table).values(name=entry.name, **values))

    def remove(self, name: str) -> None:
        self._connection.execute(delete(tables.engine).where(tables.engine.c.name == name))

    def occupancies(self) -> dict[str, Occupancy]:
        """Placed loads that are not settled and their threads, by engine; a part of a load counts as a load there.

        Loads on one engine are read from one index alone; of those on several, which are few, the parts.
        """
        run = tables.run
        threads = func.coalesce(func.sum(run.c.threads), 0)
        rows = self._connection.execute(
            select(run.c.engine, func.count().label("loads"), threads.label("threads"))
            .where(run.c.settled == 0, run.c.engines.is_(None), run.c.engine.is_not(None))
            .group_by(run.c.engine)
        )
        placed = {row.engine: Occupancy(row.loads, int(row.threads)) for row in rows}
        divided = select(run.c.parts).where(run.c.settled == 0, run.c.engines > 1)
        for text in self._connection.execute(divided).scalars():
            for part in LOAD_PARTS.validate_json(text):
                if part.over_at is not None:
                    continue
                has = placed.get(part.engine, Occupancy())
                placed[part.engine] = Occupancy(has.loads + 1, has.threads + part.threads)
        return placed
