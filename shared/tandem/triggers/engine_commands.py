"""What an operator tells the function that manages engines, and what it answers."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, StrictBool, model_validator
from pydantic.alias_generators import to_camel

from tandem.domain.engine_entry import EngineEntry, EngineState
from tandem.domain.engine_pool import EngineAction, EngineStanding


class EngineCommand(BaseModel):
    """``put`` takes all members but ``force``, ``list`` none, the others ``name`` alone. An unknown one is refused.

    ``remove`` takes ``force`` as well: the engine's machine is gone for ever.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    action: EngineAction
    name: str = ""
    url: str | None = None
    state: EngineState = EngineState.ACTIVE
    max_loads: int | None = None
    max_threads: int | None = None
    force: StrictBool = False

    @model_validator(mode="after")
    def _force_removes(self) -> Self:
        if self.force and self.action is not EngineAction.REMOVE:
            raise ValueError("force goes with remove alone")
        return self

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
