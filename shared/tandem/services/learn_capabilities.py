"""What the engines of the pool can load, learnt from each of them and kept for some minutes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock

from tandem.domain.clock import Clock
from tandem.domain.engine_capabilities import EngineCapabilities
from tandem.domain.engine_entry import EngineState
from tandem.domain.engine_pool import LoadEngines, PooledEngine
from tandem.domain.errors import EngineError
from tandem.telemetry import LogEvent, warn

FRESH_FOR = timedelta(minutes=5)
"""An engine gets other jars only by being started anew; a plan judged by what it had before fails when it is loaded."""

SILENT_FOR = timedelta(seconds=20)
"""An engine that could not be asked is not asked again with every upload, each of which would wait for it."""


class LearnCapabilities:
    """``CapabilitiesOfEngines`` by asking, all engines at the same time. Safe for several threads."""

    def __init__(self, engines: LoadEngines, clock: Clock) -> None:
        self._engines = engines
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str, tuple[datetime, EngineCapabilities | None]] = {}

    def by_engine(self) -> Mapping[str, EngineCapabilities | None]:
        """What each engine that takes new loads says; never older than ``FRESH_FOR``."""
        now = self._clock.now()
        active = [engine for engine in self._engines.pool() if engine.state is EngineState.ACTIVE]
        with self._lock:
            known = {url: answer for url, (until, answer) in self._known.items() if now < until}
        missing = {engine.name: engine for engine in active if engine.url not in known}
        learnt = self._engines.side_by_side(list(missing), lambda name: self._ask(missing[name]))
        for name, (fresh_for, answer) in learnt.items():
            known[missing[name].url] = answer
            with self._lock:
                self._known[missing[name].url] = (now + fresh_for, answer)
        return {engine.name: known[engine.url] for engine in active}

    def _ask(self, engine: PooledEngine) -> tuple[timedelta, EngineCapabilities | None]:
        try:
            return FRESH_FOR, self._engines.of(engine.name).capabilities()
        except EngineError as trouble:
            warn(LogEvent.ENGINE_TROUBLE, engine=engine.name, count=1, reason=trouble.message)
            return SILENT_FOR, None
