"""The engines that may run loads: what is known of each, and which one the next load goes to."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from tandem.domain.engine_entry import EngineEntry, EngineState
from tandem.domain.errors import Conflict, EngineUnavailable, NotFound
from tandem.domain.load_engine import LoadEngine, Survey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PooledEngine:
    """An engine of the pool; the members are those of ``EngineEntry``."""

    name: str
    url: str
    state: EngineState = EngineState.ACTIVE
    max_loads: int | None = None
    max_threads: int | None = None


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What is placed on an engine: loads that are not settled, and their threads."""

    loads: int = 0
    threads: int = 0


@dataclass(frozen=True, slots=True)
class EngineStanding:
    """An engine of the pool and what is placed on it now."""

    engine: PooledEngine
    placed: Occupancy


class EngineAction(StrEnum):
    """What an operator does with the pool."""

    LIST = "list"
    PUT = "put"
    DRAIN = "drain"
    ACTIVATE = "activate"
    REMOVE = "remove"


class EngineNotInPool(EngineUnavailable):
    """A load lies on an engine that the pool does not hold (any more): it can be neither followed nor stopped."""


class EngineUnknown(NotFound):
    """The pool holds no engine of that name."""


class EngineInUse(Conflict):
    """An engine with loads cannot be removed: it is drained first."""


class Engines(Protocol):
    """What the operators said of engines, and what is placed on each."""

    def entries(self) -> list[EngineEntry]: ...

    def put(self, entry: EngineEntry, now: datetime) -> None:
        """Add an entry, or replace the one of its name."""
        ...

    def remove(self, name: str) -> None: ...

    def occupancies(self) -> dict[str, Occupancy]:
        """By engine name."""
        ...


class LoadEngines(Protocol):
    """The engines of the pool, as the services ask them."""

    def pool(self) -> Sequence[PooledEngine]:
        """The engines as they were said to be some seconds ago at most."""
        ...

    def of(self, name: str) -> LoadEngine:
        """The engine of that name. Raises EngineNotInPool."""
        ...

    def side_by_side(self, names: Sequence[str], ask: Callable[[str], T]) -> Mapping[str, T]:
        """``ask`` for every name, all at the same time; what it raises is raised when all are done."""
        ...

    def survey(self, wanted: Mapping[str, Sequence[str]], budget_seconds: float) -> Mapping[str, Survey]:
        """Every engine of the pool and every one that is named, side by side, each within the budget.

        Never raises an EngineError: what cannot be asked is answered with one.
        """
        ...

    def health(self) -> Mapping[str, bool]:
        """Which of the engines say that they are up."""
        ...


def merged(from_settings: Mapping[str, str], entries: Iterable[EngineEntry]) -> list[PooledEngine]:
    """The pool: the engines of the settings, and those of the database, which has the last word about each."""
    pool = {name: PooledEngine(name, url) for name, url in from_settings.items()}
    for entry in entries:
        url = entry.url or from_settings.get(entry.name)
        if url is not None:
            pool[entry.name] = PooledEngine(entry.name, url, entry.state, entry.max_loads, entry.max_threads)
    return list(pool.values())


def with_most_room(
    pool: Sequence[PooledEngine], occupied: Mapping[str, Occupancy], threads: int, but_not: Collection[str] = ()
) -> PooledEngine | None:
    """The engine on which a load of so many threads leaves the most room; None when none takes it.

    Room is the share of the engine's limits that stays free, by the tighter of the two; among engines of equal room
    the one with the fewest threads, then loads. A load that is larger than an engine's ``max_threads`` still goes to
    an empty engine: it could run nowhere else.
    """
    fit = [
        engine
        for engine in pool
        if engine.state is EngineState.ACTIVE
        and engine.name not in but_not
        and _takes(engine, occupied.get(engine.name, Occupancy()), threads)
    ]

    def rank(engine: PooledEngine) -> tuple[float, int, int, str]:
        has = occupied.get(engine.name, Occupancy())
        free = [1.0]
        if engine.max_loads is not None:
            free.append(1 - (has.loads + 1) / engine.max_loads)
        if engine.max_threads is not None:
            free.append(1 - (has.threads + threads) / engine.max_threads)
        return -min(free), has.threads, has.loads, engine.name

    return min(fit, key=rank, default=None)


def _takes(engine: PooledEngine, has: Occupancy, threads: int) -> bool:
    if engine.max_loads is not None and has.loads >= engine.max_loads:
        return False
    return engine.max_threads is None or has.loads == 0 or has.threads + threads <= engine.max_threads
