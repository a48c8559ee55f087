"""The parts into which the sweep is split when there is more than one invocation can look at in its time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

MOST_SHARDS = 64


@dataclass(frozen=True, slots=True)
class SweepShard:
    """The runs whose row number leaves ``number`` when it is divided by ``of``: equal parts, as ids are consecutive.

    ``planned_at`` (aware UTC): when the sweep was split; a part that comes late is left to the next turn's.
    """

    number: int
    of: int
    planned_at: datetime

    @property
    def leads(self) -> bool:
        """Whether this part does what only one has to do."""
        return self.number == 0

    @property
    def lease(self) -> str:
        """The name under which no two sweep the same part at once."""
        return f"sync/{self.of}/{self.number}"

    @classmethod
    def split(cls, active: int, batch: int, now: datetime) -> list[Self]:
        """Enough parts for so many active tasks, each a batch at most (a fifth is left for what comes meanwhile).

        Their number is a power of two, so that it changes seldom: two numbers of parts overlap.
        """
        parts = 1
        while parts < MOST_SHARDS and active > parts * batch * 0.8:
            parts *= 2
        return [cls(number, parts, now) for number in range(parts)]
