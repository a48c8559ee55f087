"""A load-test definition: what to run against which system, and the shape of the load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from tandem.domain.identity import Owner

UNTIL_THE_DURATION_ENDS = 2_147_483_647
"""Loops that outlast any duration: the engine takes no less than 1 and reads "not given" as 1 (engine-api.md)."""

UPLOAD_SCHEME = "tandem://uploads/"
"""What an upload's path begins with; a ``contentRef`` without it is a path that already is on the engine."""


class EngineType(StrEnum):
    JMETER = "JMETER"


class Entry(StrEnum):
    """Where the plan comes from: a JMX of the user's, or one that we write for a single URL."""

    JMX = "JMX"
    URL = "URL"


@dataclass(frozen=True, slots=True)
class UrlCase:
    """One HTTP request that is repeated: ``path`` may carry a query, ``body`` is sent as it stands."""

    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class LoadTestDefinition:
    """``ramp_up`` is in seconds; ``loops`` None or -1 means until the duration ends; ``heap_size`` as for ``-Xmx``."""

    definition_id: str
    owner: Owner
    name: str
    endpoint: str
    entry: Entry
    created_by: str
    created_at: datetime
    updated_at: datetime
    engine_type: EngineType = EngineType.JMETER
    content_ref: str | None = None
    url_case: UrlCase | None = None
    threads: int = 1
    ramp_up: int = 0
    loops: int | None = None
    heap_size: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    data_files: Sequence[str] = ()

    @property
    def engine_loops(self) -> int:
        """The loop count as the engine takes it."""
        return UNTIL_THE_DURATION_ENDS if self.loops is None or self.loops < 1 else self.loops

    @property
    def plan_properties(self) -> dict[str, str]:
        """The properties that reach the plan: the endpoint's parts first, which the user's own may override."""
        return {**endpoint_properties(self.endpoint), **self.properties}


def endpoint_properties(endpoint: str) -> dict[str, str]:
    """The parts of ``http(s)://host[:port][/path]`` as the properties protocol, host, port and path.

    Raises ValueError when the text is no such URL; the message says what is wrong.
    """
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must begin with http:// or https://")
    if not parts.hostname:
        raise ValueError("must name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user or password")
    if parts.query or parts.fragment:
        raise ValueError("must not carry a query or fragment")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "protocol": parts.scheme,
        "host": parts.hostname,
        "port": str(port),
        "path": parts.path.rstrip("/"),
    }
