"""A pool of engines without any network: what runs, as a test says it, and silence for engines that are down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.engine_pool import EngineNotInPool, PooledEngine
from tandem.domain.errors import EngineUnavailable
from tandem.domain.load_engine import EngineRun, EngineStatus, LoadEngine, StatusAnswer, Survey

T = TypeVar("T")


@dataclass
class SurveyedEngines:
    """Every load that is asked for is RUNNING, but those that ``told`` names by engine and execution id."""

    names: Sequence[str] = (DEFAULT_ENGINE,)
    told: dict[tuple[str, str], StatusAnswer] = field(default_factory=dict)
    listed: dict[str, list[EngineRun]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def pool(self) -> Sequence[PooledEngine]:
        return [PooledEngine(name, f"http://{name}.test") for name in self.names]

    def of(self, name: str) -> LoadEngine:
        raise EngineNotInPool(f"{name} is only there to be surveyed")

    def health(self) -> Mapping[str, bool]:
        return {name: name not in self.down for name in self.names}

    def side_by_side(self, names: Sequence[str], ask: Callable[[str], T]) -> Mapping[str, T]:
        return {name: ask(name) for name in names}

    def survey(self, wanted: Mapping[str, Sequence[str]], budget_seconds: float) -> Mapping[str, Survey]:
        return {name: self._survey(name, wanted.get(name, ())) for name in dict.fromkeys([*self.names, *wanted])}

    def _survey(self, name: str, execution_ids: Sequence[str]) -> Survey:
        self.asked += [(name, execution_id) for execution_id in execution_ids]
        if name in self.down:
            silence: dict[str, StatusAnswer] = dict.fromkeys(execution_ids, EngineUnavailable("down"))
            return Survey(silence, None)
        answers = {each: self.told.get((name, each), running(each)) for each in execution_ids}
        return Survey(answers, self.listed.get(name, []))


def running(execution_id: str) -> EngineRun:
    return EngineRun(execution_id, EngineStatus.RUNNING, "RUNNING")
