"""Turns of the sync: the schedule's own, and extra ones while a load is watched closely."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json


def is_extra(event: Mapping[str, Any]) -> bool:
    """Whether this turn was asked for by an earlier one. Anything that is not plainly so is the schedule's."""
    bodies = [record.get("body") or "{}" for record in event.get("Records") or ()]
    return bool(bodies) and all(_turn(body) == "extra" for body in bodies)


def _turn(body: str) -> object:
    try:
        told = from_json(body)
    except ValueError:
        return None
    return told.get("turn") if isinstance(told, dict) else None
