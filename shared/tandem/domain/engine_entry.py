"""What is said of an engine, by the settings or by an operator. Every function reads it with its settings."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from tandem.domain.errors import FieldFault, InvalidValue

DEFAULT_ENGINE = "default"
"""The name of the one engine of a pool of one, and of the engine of runs from before there was a pool."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LONGEST_URL = 512


class EngineState(StrEnum):
    """ACTIVE takes new loads. DRAINING takes none, and those that it has live to their end."""

    ACTIVE = "active"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """What is kept of an engine. ``url`` None: as the settings say. A limit of None: none is known.

    ``max_loads`` and ``max_threads`` bound what it runs at a time: loads, and the threads of all of them together.
    """

    name: str
    url: str | None = None
    state: EngineState = EngineState.ACTIVE
    max_loads: int | None = None
    max_threads: int | None = None


def valid_entry(entry: EngineEntry) -> EngineEntry:
    """The entry itself. Raises InvalidValue naming every field at fault."""
    faults = []
    if not _NAME.fullmatch(entry.name):
        faults.append(FieldFault("name", "must be 1 to 63 of a-z, 0-9 and -, not beginning with -"))
    if entry.url is not None and not _is_url(entry.url):
        faults.append(FieldFault("url", f"must be http(s)://host[:port][/path] of at most {_LONGEST_URL} characters"))
    for field, limit in (("maxLoads", entry.max_loads), ("maxThreads", entry.max_threads)):
        if limit is not None and limit < 1:
            faults.append(FieldFault(field, "must be at least 1"))
    if faults:
        raise InvalidValue("The engine cannot be kept as it was given.", faults)
    return entry


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and port_is_fine
        and not parts.query
        and not parts.fragment
        and parts.username is None
        and len(text) <= _LONGEST_URL
        and text.isascii()
        and not any(character.isspace() for character in text)
    )
