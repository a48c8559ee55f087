"""Remembers each event; fails when the event says so."""

from typing import Any

from ..memory import CALLS


class Refused(Exception):
    """The error that an event may ask for."""


def handler(event: dict[str, Any], context: Any) -> None:
    CALLS.append(("listener", event))
    if event["detail"].get("fail"):
        raise Refused(event["detail"]["fail"])
