"""The engines of the pool as the services ask them: found by name, and asked side by side."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import EngineNotInPool, PooledEngine, merged
from tandem.domain.errors import DatabaseUnavailable, EngineError
from tandem.domain.load_engine import LoadEngine, StatusAnswer, Survey
from tandem.domain.ports import Database
from tandem.telemetry import LogEvent, warn

FRESH_FOR = timedelta(seconds=30)
"""For how long the pool is known; where a new load goes is decided on what the database says at that moment."""

MOST_AT_ONCE = 32

T = TypeVar("T")


class EnginePool:
    """``from_settings``: the engines that the settings name, by name. ``connect`` makes a client of name and URL."""

    def __init__(
        self,
        database: Database,
        from_settings: Mapping[str, str],
        connect: Callable[[str, str], LoadEngine],
        clock: Clock,
    ) -> None:
        self._database = database
        self._from_settings = from_settings
        self._connect = connect
        self._clock = clock
        self._lock = Lock()
        self._clients: dict[tuple[str, str], LoadEngine] = {}
        self._known: list[PooledEngine] | None = None
        self._read_at: datetime | None = None

    def pool(self) -> Sequence[PooledEngine]:
        """The engines as they were said to be some seconds ago at most, or longer ago while the database is away."""
        now = self._clock.now()
        if self._known is None or self._read_at is None or now - self._read_at >= FRESH_FOR:
            self._refresh()
        return self._known if self._known is not None else merged(self._from_settings, ())

    def of(self, name: str) -> LoadEngine:
        """The engine of that name. Raises EngineNotInPool."""
        found = self._named(name)
        if found is None:
            # It may have been added a moment ago.
            self._refresh()
            found = self._named(name)
        if found is None:
            raise EngineNotInPool(f"the engine {name} is not in the pool")
        with self._lock:
            client = (found.name, found.url)
            if client not in self._clients:
                self._clients[client] = self._connect(found.name, found.url)
            return self._clients[client]

    def survey(self, wanted: Mapping[str, Sequence[str]], budget_seconds: float) -> Mapping[str, Survey]:
        """Every engine of the pool and every one that is named, side by side, each within the budget."""
        names = list(dict.fromkeys([*[engine.name for engine in self.pool()], *wanted]))
        return self.side_by_side(names, lambda name: self._survey_one(name, wanted.get(name, ()), budget_seconds))

    def health(self) -> Mapping[str, bool]:
        """Which of the engines say that they are up."""
        return self.side_by_side([engine.name for engine in self.pool()], lambda name: self.of(name).health())

    def _survey_one(self, name: str, execution_ids: Sequence[str], budget_seconds: float) -> Survey:
        try:
            survey = self.of(name).survey(execution_ids, budget_seconds)
        except EngineNotInPool as trouble:
            answers: dict[str, StatusAnswer] = dict.fromkeys(execution_ids, trouble)
            survey = Survey(answers, None)
        silent = [answer.message for answer in survey.answers.values() if isinstance(answer, EngineError)]
        if silent or survey.listed is None:
            warn(LogEvent.ENGINE_TROUBLE, engine=name, count=len(silent), reason=next(iter(silent), "it gave no list"))
        return survey

    def side_by_side(self, names: Sequence[str], ask: Callable[[str], T]) -> Mapping[str, T]:
        """One dead engine delays the others by nothing, and the whole by no more than its own time limit."""
        if len(names) < 2:
            return {name: ask(name) for name in names}
        with ThreadPoolExecutor(min(len(names), MOST_AT_ONCE)) as workers:
            return dict(zip(names, workers.map(ask, names), strict=True))

    def _named(self, name: str) -> PooledEngine | None:
        return next((engine for engine in self.pool() if engine.name == name), None)

    def _refresh(self) -> None:
        try:
            self._known = merged(self._from_settings, self._database.read(lambda uow: uow.engines.entries()))
            self._read_at = self._clock.now()
        except DatabaseUnavailable as trouble:
            warn(LogEvent.ENGINE_POOL_NOT_READ, reason=trouble.message)
