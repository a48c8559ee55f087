"""What of a plan's thread groups a run goes by: frozen with the run when its load is started."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tandem_samples import ThreadGroup

from tandem.domain.plan_expressions import Surroundings, resolve

LONGEST_RAMP_UP_SEC = 86_400


@dataclass(frozen=True, slots=True)
class PlanShape:
    """``groups``: the thread groups that run. ``ramp_up``: the longest ramp-up of the main ones, in seconds, as far as
    it is known beforehand.
    """

    groups: tuple[ThreadGroup, ...] = ()
    ramp_up: int = 0


class PlanShapeReader(Protocol):
    """Reads the shape of a plan that runs with these properties. Raises InvalidTestPlan, TooLarge."""

    def __call__(self, chunks: Iterable[bytes], properties: Mapping[str, str]) -> PlanShape: ...


def ramp_up_of(expressions: Iterable[str], properties: Mapping[str, str]) -> int:
    """The longest of some ramp-ups in whole seconds; those that only JMeter will know do not count."""
    surroundings = Surroundings(properties, {})
    seconds = [0]
    for expression in expressions:
        ramp_up = resolve(expression, surroundings)
        text = ramp_up.text.strip()
        if ramp_up.known and text.isascii() and text.isdigit() and len(text) < 7:
            seconds.append(min(int(text), LONGEST_RAMP_UP_SEC))
    return max(seconds)
