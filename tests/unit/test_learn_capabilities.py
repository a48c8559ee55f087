"""What the engines of the pool can load: who is asked, how often, and what a silent one means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from tandem.domain.engine_capabilities import (
    EngineCapabilities,
    engines_without_element,
    engines_without_function,
)
from tandem.domain.engine_entry import EngineState
from tandem.domain.engine_pool import PooledEngine
from tandem.domain.errors import EngineUnavailable
from tandem.domain.load_engine import LoadEngine
from tandem.services.learn_capabilities import FRESH_FOR, SILENT_FOR, LearnCapabilities

from tests.fakes.surveyed_engines import SurveyedEngines

T = TypeVar("T")
PLAIN = EngineCapabilities(elements=frozenset({"ThreadGroup"}), functions=frozenset({"__P"}))
RICH = EngineCapabilities(elements=frozenset({"ThreadGroup", "x.Ultimate"}), functions=frozenset({"__P", "__tst"}))


class _Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class _Engine:
    def __init__(self, says: EngineCapabilities | EngineUnavailable | None, log: list[str], name: str) -> None:
        self._says, self._log, self._name = says, log, name

    def capabilities(self) -> EngineCapabilities | None:
        self._log.append(self._name)
        if isinstance(self._says, EngineUnavailable):
            raise self._says
        return self._says


@dataclass
class _Pool(SurveyedEngines):
    says: dict[str, EngineCapabilities | EngineUnavailable | None] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    draining: set[str] = field(default_factory=set)

    def pool(self) -> Sequence[PooledEngine]:
        return [
            replace(engine, state=EngineState.DRAINING) if engine.name in self.draining else engine
            for engine in super().pool()
        ]

    def of(self, name: str) -> LoadEngine:
        return cast(LoadEngine, _Engine(self.says[name], self.log, name))

    def side_by_side(self, names: Sequence[str], ask: Callable[[str], T]) -> Mapping[str, T]:
        return {name: ask(name) for name in names}


def _pool(**says: EngineCapabilities | EngineUnavailable | None) -> _Pool:
    return _Pool(names=list(says), says=says)


def test_every_engine_that_takes_loads_is_asked_once_and_again_when_its_word_is_old() -> None:
    pool, clock = _pool(a=PLAIN, b=RICH, leaving=PLAIN), _Clock()
    pool.draining.add("leaving")
    learn = LearnCapabilities(pool, clock)
    for _ in range(3):
        assert learn.by_engine() == {"a": PLAIN, "b": RICH}
    assert sorted(pool.log) == ["a", "b"]
    clock.at += FRESH_FOR
    assert learn.by_engine() == {"a": PLAIN, "b": RICH}
    assert sorted(pool.log) == ["a", "a", "b", "b"]


def test_an_engine_that_cannot_be_asked_is_not_judged_and_asked_again_soon() -> None:
    pool, clock = _pool(a=EngineUnavailable("down"), b=RICH), _Clock()
    learn = LearnCapabilities(pool, clock)
    assert learn.by_engine() == {"a": None, "b": RICH}
    assert learn.by_engine() == {"a": None, "b": RICH}
    assert pool.log.count("a") == 1
    clock.at += SILENT_FOR + timedelta(seconds=1)
    pool.says["a"] = PLAIN
    assert learn.by_engine() == {"a": PLAIN, "b": RICH}
    assert pool.log.count("b") == 1


def test_an_element_is_missing_where_an_engine_certainly_lacks_it() -> None:
    engines = {"a": PLAIN, "b": RICH, "deployed": None, "launcher": EngineCapabilities(engine="tandem")}
    assert engines_without_element("x.Ultimate", engines) == ["a"]
    assert engines_without_element("ThreadGroup", engines) == []
    assert engines_without_element("nobody.has.It", engines) == ["a", "b"]
    assert engines_without_function("__tst", engines) == ["a"]
    assert engines_without_function("__P", engines) == []
