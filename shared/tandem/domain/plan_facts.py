"""What a test plan says of itself, before anybody judges it: facts with the element and the place that they come from.

Values are expressions as they stand in the plan (``${__P(host)}``); ``plan_expressions`` says what they come to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
    delay: str | None = None

    @property
    def is_main(self) -> bool:
        """Whether its samples are load: set-up and tear-down groups only prepare and clean up."""
        return self.element.kind not in {"SetupThreadGroup", "PostThreadGroup"}


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
    is_http: bool = False


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
    """A file besides the plan, named in a value, or in a call of ``function`` (which JMeter looks up as it stands).

    ``linked``: where a data file has the last part of the name, the run reads that, wherever the plan looks for it.
    """

    element: PlanElement
    use: FileUse
    file_name: str
    function: str | None = None
    linked: bool = False


@dataclass(frozen=True, slots=True)
class PluginFact:
    """Something that a plain JMeter does not have: ``what`` is a class or a function."""

    element: PlanElement
    what: str


@dataclass(frozen=True, slots=True)
class OddFact:
    """Something that no JMeter writes, and that can mean another thing to JMeter than to a reader."""

    element: PlanElement
    what: str


@dataclass(frozen=True, slots=True)
class UnlistedFact:
    """Something that is not on the list of what is harmless; it matters where code is denied."""

    element: PlanElement
    what: str


@dataclass(frozen=True, slots=True)
class SecretFact:
    """A secret that is written out; ``what`` names the place of it and never repeats it."""

    element: PlanElement
    what: str


@dataclass(frozen=True, slots=True)
class UsedFact:
    """An element's class or a function that JMeter has to have to open or run the plan; the first place of each."""

    element: PlanElement
    what: str
    is_function: bool


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """``variables`` holds every value that User Defined Variables give a name, in the plan's order.

    ``changing`` are the names of variables, and ``changing_properties`` of properties, that something gives a value
    while the test runs; ``any_may_change`` says that the names themselves are known only then (a CSV whose first line
    names them). ``disabled`` holds the topmost disabled elements; ``disabled_may_run`` that a Module Controller can
    reach into them. ``properties_read`` are those that the plan asks for by name; ``serialised`` says, as an
    expression, whether its thread groups run one after another.
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
    odd: tuple[OddFact, ...] = ()
    unlisted: tuple[UnlistedFact, ...] = ()
    secrets: tuple[SecretFact, ...] = ()
    used: tuple[UsedFact, ...] = ()
    properties_read: frozenset[str] = frozenset()
    serialised: str = "false"

    def including(self, fragment: "PlanFacts") -> "PlanFacts":
        """The facts of a plan together with those of a fragment that it includes; its groups do not run there."""
        return replace(
            self,
            targets=self.targets + fragment.targets,
            code=self.code + fragment.code,
            # Data files are linked into plans only; a fragment finds those whose names it says as they are.
            files=self.files + tuple(replace(fact, linked=False) for fact in fragment.files),
            plugins=self.plugins + fragment.plugins,
            variables={
                name: tuple(dict.fromkeys((*self.variables.get(name, ()), *fragment.variables.get(name, ()))))
                for name in {*self.variables, *fragment.variables}
            },
            changing=self.changing | fragment.changing,
            changing_properties=self.changing_properties | fragment.changing_properties,
            any_may_change=self.any_may_change or fragment.any_may_change,
            disabled_may_run=self.disabled_may_run or fragment.disabled_may_run,
            odd=self.odd + fragment.odd,
            unlisted=self.unlisted + fragment.unlisted,
            secrets=self.secrets + fragment.secrets,
            used=self.used + fragment.used,
            properties_read=self.properties_read | fragment.properties_read,
        )


class PlanReader(Protocol):
    """Reads a plan once, from its start; raises InvalidTestPlan or TooLarge.

    ``fragment``: the file is for an Include Controller, which needs no thread group.
    """

    def __call__(self, chunks: Iterable[bytes], limits: ReadLimits = ..., *, fragment: bool = False) -> PlanFacts: ...
