"""What a test plan says of itself, before anybody judges it: facts with the element and the place that they come from.

Values are expressions as they stand in the plan (``${__P(host)}``); ``plan_expressions`` says what they come to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much is read: bytes of the file, XML elements, their depth, characters in one value, different facts."""

    max_bytes: int = 500 * MEBIBYTE
    max_elements: int = 8_000_000
    max_depth: int = 256
    max_value_length: int = 8 * MEBIBYTE
    max_facts: int = 20_000


@dataclass(frozen=True, slots=True)
class PlanElement:
    """One element of the tree: ``kind`` as JMeter calls it, ``path`` the names from the plan down, ``line`` from 1.

    ``enabled`` is false when the element or one above it is disabled.
    """

    kind: str
    name: str
    path: str
    line: int
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class ThreadGroupFact:
    """A thread group's shape; None where the group does not say it in the standard way (plug-in groups)."""

    element: PlanElement
    threads: str | None
    ramp_up: str | None
    loops: str | None
    scheduler: str
    duration: str | None


@dataclass(frozen=True, slots=True)
class TargetFact:
    """A place that the plan calls, after the HTTP Request Defaults that apply; ``count`` elements say the same.

    ``host`` empty: the plan names none; None: the element calls somewhere, and where is not known to this reader.
    ``path`` matters because JMeter takes a path that begins with ``http://`` as a whole URL.
    """

    element: PlanElement
    host: str | None
    protocol: str = ""
    port: str = ""
    path: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class CodeFact:
    """Code that the plan brings along: an element (``function`` None) or a function called in one of its values."""

    element: PlanElement
    what: str
    function: str | None = None


class FileUse(StrEnum):
    CSV_DATA = "reads its data from"
    READ = "reads"
    WRITE = "writes to"
    PLAN = "runs the plan in"


@dataclass(frozen=True, slots=True)
class FileFact:
    """A file besides the plan; ``file_name`` is empty when only a function call says it."""

    element: PlanElement
    use: FileUse
    file_name: str


@dataclass(frozen=True, slots=True)
class PluginFact:
    """Something that a plain JMeter does not have: ``what`` is a class or a function."""

    element: PlanElement
    what: str


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """``variables`` holds every value that User Defined Variables give a name, in the plan's order.

    ``changing`` are the names of variables, and ``changing_properties`` of properties, that something gives a value
    while the test runs; ``any_may_change`` says that the names themselves are known only then (a CSV whose first line
    names them). ``disabled`` holds the topmost disabled elements; ``disabled_may_run`` that a Module Controller can
    reach into them.
    """

    name: str
    thread_groups: tuple[ThreadGroupFact, ...]
    targets: tuple[TargetFact, ...]
    code: tuple[CodeFact, ...]
    files: tuple[FileFact, ...]
    plugins: tuple[PluginFact, ...]
    variables: Mapping[str, tuple[str, ...]]
    changing: frozenset[str]
    changing_properties: frozenset[str]
    any_may_change: bool
    disabled: tuple[PlanElement, ...]
    disabled_may_run: bool


class PlanReader(Protocol):
    """Reads a plan once, from its start; raises InvalidTestPlan or TooLarge."""

    def __call__(self, chunks: Iterable[bytes], limits: ReadLimits = ...) -> PlanFacts: ...
