"""What an operator does with the pool: add and change engines, drain them, take them away.

No run is lost by it, but by giving an engine up: what that one ran is settled without it.
"""

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
from tandem.telemetry import LogEvent, log, warn


class ManageEngines:
    """Each change waits for placements under way, so that none goes to an engine that just ceased to take loads."""

    def __init__(self, database: Database, from_settings: Mapping[str, str], clock: Clock) -> None:
        self._database = database
        self._from_settings = from_settings
        self._clock = clock

    def __call__(self, action: EngineAction, entry: EngineEntry, *, force: bool = False) -> list[EngineStanding]:
        """Do it and give the pool as it is then. Raises InvalidValue, EngineUnknown, EngineInUse.

        ``force``: the machine of an engine that is removed is gone for ever; what it ran is settled without it.
        """
        match action:
            case EngineAction.PUT:
                self._put(entry)
            case EngineAction.DRAIN:
                self._set_state(entry.name, EngineState.DRAINING)
            case EngineAction.ACTIVATE:
                self._set_state(entry.name, EngineState.ACTIVE)
            case EngineAction.REMOVE:
                if force:
                    self._give_up(entry.name)
                else:
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

    def _give_up(self, name: str) -> None:
        """Take an engine out of the pool whose loads nobody can stop any more, and settle what may run of them there.

        One that the settings name cannot leave the pool: it is drained. Called again after dying anywhere it goes on:
        an engine that has left already is known by the loads that are still to be settled. Raises EngineUnknown.
        """

        def leave(uow: UnitOfWork) -> None:
            known = {standing.engine.name: standing.engine for standing in self._standings(uow)}
            if name in self._from_settings:
                url = None if known[name].url == self._from_settings[name] else known[name].url
                uow.engines.put(replace(_entry(known[name]), url=url, state=EngineState.DRAINING), self._clock.now())
            elif name in known:
                uow.engines.remove(name)
            elif not uow.runs.unsettled_on(name):
                raise EngineUnknown(f"the pool holds no engine {name}")

        self._change(name, leave)
        # Each by itself: a pool's worth of loads in one transaction would hold up the sweep.
        for experiment_task_id in self._database.read(lambda uow: uow.runs.unsettled_on(name)):
            self._settle(experiment_task_id, name)

    def _settle(self, experiment_task_id: str, engine: str) -> None:
        def work(uow: UnitOfWork) -> bool:
            run = uow.runs.lock(experiment_task_id)
            if run is None or not run.lose_engine(engine, self._clock.now()):
                return False
            uow.runs.save([run])
            return True

        # Its messages leave with the next sweep: who manages engines may send none.
        if self._database.write(work):
            warn(LogEvent.ENGINE_GIVEN_UP, engine=engine, experiment_task_id=experiment_task_id)

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
