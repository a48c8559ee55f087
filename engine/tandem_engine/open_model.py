"""The schedule of an Open Model Thread Group, made to send for exactly so long.

The language is that of JMeter's scheduleParser.kt: ``rate(10/s) random_arrivals(1 min 30 s) rate(20/s) pause(5 s)``.
Two rates around a stretch make it rise or fall evenly; at its end JMeter interrupts what still runs: a pause follows.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tandem_engine.plan_edits import resolved

_COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_STEP: Final = re.compile(r"\s*([a-z_]+)\s*\(([^()]*)\)\s*", re.IGNORECASE)
_SPAN: Final = re.compile(r"([0-9]*\.?[0-9]+)\s*([a-z]+)", re.IGNORECASE)
_RATE: Final = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(?:(?:/|per\b)\s*([a-z]+)\s*)?", re.IGNORECASE)
_STRETCHES: Final = frozenset({"random_arrivals", "even_arrivals", "pause"})
_MOST_REPEATS: Final = 1000
_LAST_PAUSE: Final = "rate(0/s) pause(600 s)"
"""In which samples in flight end, until the engine ends the load."""


@dataclass(slots=True)
class _Step:
    """``amount``: requests/s of a rate, seconds of a stretch; what else there is stays as it is written."""

    kind: str
    amount: float
    written: str

    def __str__(self) -> str:
        if self.kind == "rate":
            return f"rate({self.amount:.9g}/s)"
        return f"{self.kind}({self.amount:.3f} s)" if self.kind in _STRETCHES else self.written


def lasting_schedule(schedule: str, seconds: float, properties: Mapping[str, str]) -> str:
    """A schedule that is run again from its start as often as it takes, and ends after so many seconds.

    One that only JMeter can read is run again many times, and the engine ends it.
    """
    steps = _steps(_COMMENT.sub(" ", resolved(schedule, properties)))
    length = sum(step.amount for step in steps or () if step.kind in _STRETCHES)
    if steps is None or length <= 0:
        # On lines of their own: a schedule may end in a comment.
        return "\n".join([schedule] * (_MOST_REPEATS if "${" in schedule else 1))
    return (
        " ".join(str(step) for step in _cut(steps * math.ceil(seconds / length), len(steps), seconds))
        + f" {_LAST_PAUSE}"
    )


def _cut(steps: list[_Step], once: int, seconds: float) -> list[_Step]:
    """The steps as far as they go; where a stretch is cut, its rate has come as far as it would have.

    ``once``: after so many steps the schedule begins again.
    """
    kept: list[_Step] = []
    rate, left = 0.0, seconds
    for number, step in enumerate(steps):
        if step.kind in _STRETCHES and step.amount >= left:
            kept.append(_Step(step.kind, left, ""))
            following = steps[number + 1] if (number + 1) % once else step
            if step.kind != "pause":
                end = following.amount if following.kind == "rate" else rate
                kept.append(_Step("rate", rate + (end - rate) * left / step.amount, ""))
            return kept
        if step.kind in _STRETCHES:
            left -= step.amount
        elif step.kind == "rate":
            rate = step.amount
        kept.append(step)
        if step.kind in _STRETCHES and (number + 1) % once == 0:
            # Without a rate behind it the rate stays; what the next round begins with must not make it rise or fall.
            kept.append(_Step("rate", rate, ""))
    return kept


def _steps(text: str) -> list[_Step] | None:
    """None when it is no schedule as we know it."""
    steps: list[_Step] = []
    position = 0
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            return None if text[position:].strip() else steps
        kind, inside = found.group(1).lower(), found.group(2)
        amount = _rate(inside) if kind == "rate" else _span(inside) if kind in _STRETCHES else 0
        if amount is None:
            return None
        steps.append(_Step(kind, amount, found.group().strip()))
        position = found.end()
    return steps


def _rate(text: str) -> float | None:
    found = _RATE.fullmatch(text)
    return None if found is None else float(found.group(1)) / _unit_seconds(found.group(2) or "s")


def _span(text: str) -> float | None:
    if _SPAN.sub("", text).strip() not in {"", "0"}:
        return None
    return sum(float(number) * _unit_seconds(unit) for number, unit in _SPAN.findall(text))


def _unit_seconds(unit: str) -> float:
    if unit.lower() == "ms":
        return 0.001
    return {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(unit[0].lower(), 1)
