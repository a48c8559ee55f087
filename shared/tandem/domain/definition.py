"""A load-test definition: what to run against which system, and the shape of the load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from tandem.domain.errors import Conflict, FieldFault, NotFound
from tandem.domain.identity import Owner
from tandem.domain.preflight_report import PreflightReport

UNTIL_THE_DURATION_ENDS = 2_147_483_647
"""Loops that outlast any duration: the engine takes no less than 1 and reads "not given" as 1 (engine-api.md)."""


SET_UP_LIMIT_SEC = 300
TEAR_DOWN_LIMIT_SEC = 30
"""What the engine takes when nothing is said."""


class DefinitionNotFound(NotFound):
    """No such definition, or somebody else's."""

    code = "LOAD_TEST_DEFINITION_NOT_FOUND"

    def __init__(self, definition_id: str) -> None:
        super().__init__(f"There is no load-test definition {definition_id!r}.")


class DefinitionNameTaken(Conflict):
    """The owner has another live definition of that name."""

    code = "DEFINITION_NAME_TAKEN"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is a load-test definition named {name!r} already.",
            [FieldFault("name", "is the name of another definition in this namespace")],
        )


class DefinitionChanged(Conflict):
    """Others keep changing the definition while we try to."""

    code = "DEFINITION_CHANGED"

    def __init__(self, definition_id: str) -> None:
        super().__init__(f"The definition {definition_id} was changed at the same time; please try again.")


class DefinitionInUse(Conflict):
    """Live strategies use the definition."""

    code = "DEFINITION_IN_USE"

    def __init__(self, definition_id: str, users: Sequence[tuple[str, str]], more: int) -> None:
        """``users`` are pairs of a strategy's id and its experiment's; ``more`` says how many others there are."""
        named = ", ".join(strategy_id for strategy_id, _ in users) + (f" and {more} more" if more else "")
        super().__init__(
            f"The definition {definition_id} is used by strategies: {named}.",
            [FieldFault(strategy_id, f"goes with the experiment {experiment}") for strategy_id, experiment in users],
        )


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
    """``ramp_up`` is in seconds; ``loops`` None or -1 means until the duration ends; ``heap_size`` as for ``-Xmx``.

    ``respect_loops``: finite loops of the plan may end the load before its duration. ``set_up_limit_sec``: within this
    the main thread groups must have begun to send. ``tear_down_limit_sec``: for so long tear-down groups may run.
    ``sub_results``: the results have rows of redirects and embedded resources, each a label of its own.
    ``preflight`` is what was found when it was made or last changed; None for one that is older than that.
    """

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
    data_files: tuple[str, ...] = ()
    preflight: PreflightReport | None = field(default=None, compare=False)
    respect_loops: bool = False
    set_up_limit_sec: int = SET_UP_LIMIT_SEC
    tear_down_limit_sec: int = TEAR_DOWN_LIMIT_SEC
    sub_results: bool = False

    def makes_the_load_of(self, other: "LoadTestDefinition") -> bool:
        """Whether the two differ in nothing that the load depends on; a plan uploaded again counts as another."""

        def load(definition: LoadTestDefinition) -> LoadTestDefinition:
            unnamed = replace(definition, definition_id="", name="", created_by="", sub_results=False)
            return replace(unnamed, created_at=other.created_at, updated_at=other.updated_at)

        return load(self) == load(other)

    @property
    def engine_loops(self) -> int:
        """The loop count as the engine takes it."""
        return UNTIL_THE_DURATION_ENDS if self.loops is None or self.loops < 1 else self.loops

    @property
    def plan_properties(self) -> dict[str, str]:
        """The properties that reach the plan: the endpoint's parts first, which the user's own may override."""
        return {**endpoint_properties(self.endpoint), **self.properties}

    @property
    def all_properties(self) -> dict[str, str]:
        """All properties that reach the plan: also those that the engine makes of the load's shape."""
        return {
            **self.plan_properties,
            "threads": str(self.threads),
            "rampUp": str(self.ramp_up),
            "loops": str(self.engine_loops),
        }


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
