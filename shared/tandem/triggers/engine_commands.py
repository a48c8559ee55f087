"""What an operator tells the function that manages engines, and what it answers."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from tandem.domain.engine_entry import EngineEntry, EngineState
from tandem.domain.engine_pool import EngineAction, EngineStanding


class EngineCommand(BaseModel):
    """``put`` takes all members, ``list`` none, the others ``name`` alone. An unknown member is refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    action: EngineAction
    name: str = ""
    url: str | None = None
    state: EngineState = EngineState.ACTIVE
    max_loads: int | None = None
    max_threads: int | None = None

    @property
    def entry(self) -> EngineEntry:
        url = None if self.url is None else self.url.rstrip("/")
        return EngineEntry(self.name, url, self.state, self.max_loads, self.max_threads)


def shown(pool: Sequence[EngineStanding]) -> dict[str, Any]:
    """The pool with what is placed on each engine."""
    return {
        "engines": [
            {
                "name": each.engine.name,
                "url": each.engine.url,
                "state": each.engine.state,
                "maxLoads": each.engine.max_loads,
                "maxThreads": each.engine.max_threads,
                "loads": each.placed.loads,
                "threads": each.placed.threads,
            }
            for each in pool
        ]
    }
