"""What an operator does with the pool: add and change engines, drain them, take them away. No run is lost by it."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tandem.domain.clock import Clock
from tandem.domain.engine_entry import EngineEntry, EngineState, valid_entry
from tandem.domain.engine_pool import (
    EngineAction,
    EngineInUse,
    EngineStanding,
    EngineUnknown,
    Occupancy,
    PooledEngine,
    merged,
)
from tandem.domain.ports import Database, UnitOfWork
from tandem.services.place_load import PLACEMENT
from tandem.telemetry import LogEvent, log


class ManageEngines:
    """Each change waits for placements under way, so that none goes to an engine that just ceased to take loads."""

    def __init__(self, database: Database, from_settings: Mapping[str, str], clock: Clock) -> None:
        self._database = database
        self._from_settings = from_settings
        self._clock = clock

    def __call__(self, action: EngineAction, entry: EngineEntry) -> list[EngineStanding]:
        """Do it and give the pool as it is then. Raises InvalidValue, EngineUnknown, EngineInUse."""
        match action:
            case EngineAction.PUT:
                self._put(entry)
            case EngineAction.DRAIN:
                self._set_state(entry.name, EngineState.DRAINING)
            case EngineAction.ACTIVATE:
                self._set_state(entry.name, EngineState.ACTIVE)
            case EngineAction.REMOVE:
                self._remove(entry.name)
        return self._database.read(self._standings)

    def _put(self, entry: EngineEntry) -> None:
        """Add an engine, or change one. Raises InvalidValue, and EngineUnknown for a new one without a URL."""
        valid_entry(entry)
        if entry.url is None and entry.name not in self._from_settings:
            raise EngineUnknown(f"the settings name no engine {entry.name}: give its url")
        self._change(entry.name, lambda uow: uow.engines.put(entry, self._clock.now()))

    def _set_state(self, name: str, state: EngineState) -> None:
        """DRAINING: no new loads, those that it has live to their end. Raises EngineUnknown."""

        def work(uow: UnitOfWork) -> None:
            engine = self._present(uow, name)
            url = None if engine.url == self._from_settings.get(name) else engine.url
            kept = replace(_entry(engine), url=url, state=state)
            uow.engines.put(kept, self._clock.now())

        self._change(name, work)

    def _remove(self, name: str) -> None:
        """Forget what is kept of an engine; one that the settings name is then again as they say.

        Raises EngineUnknown; EngineInUse while loads are placed on an engine that would be gone.
        """

        def work(uow: UnitOfWork) -> None:
            self._present(uow, name)
            placed = uow.engines.occupancies().get(name, Occupancy())
            if placed.loads and name not in self._from_settings:
                raise EngineInUse(
                    f"the engine {name} has {placed.loads} loads: drain it, and remove it when it has none"
                )
            uow.engines.remove(name)

        self._change(name, work)

    def _change(self, name: str, work: Callable[[UnitOfWork], None]) -> None:
        def held(uow: UnitOfWork) -> None:
            uow.leases.hold(PLACEMENT, self._clock.now())
            work(uow)

        self._database.write(held)
        log(LogEvent.ENGINE_CHANGED, engine=name)

    def _standings(self, uow: UnitOfWork) -> list[EngineStanding]:
        placed = uow.engines.occupancies()
        pool = merged(self._from_settings, uow.engines.entries())
        return [EngineStanding(engine, placed.get(engine.name, Occupancy())) for engine in pool]

    def _present(self, uow: UnitOfWork, name: str) -> PooledEngine:
        for standing in self._standings(uow):
            if standing.engine.name == name:
                return standing.engine
        raise EngineUnknown(f"the pool holds no engine {name}")


def _entry(engine: PooledEngine) -> EngineEntry:
    return EngineEntry(engine.name, engine.url, engine.state, engine.max_loads, engine.max_threads)
