"""Reading a JMX plan without trusting it: its thread groups and its head, with the places of their bytes.

JMeter's way of reading is followed: an element is known by its tag, and one whose ``enabled`` is false does not run.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Never
from xml.parsers import expat

MAX_PLAN_BYTES: Final = 64 * 1024 * 1024

_TAG: Final = re.compile(rb"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_OWN_PACKAGE: Final = "org.apache.jmeter.threads."


class NotATestPlan(Exception):
    """The bytes are no JMeter test plan that we run; the text says why."""


@dataclass(slots=True)
class PlanNode:
    """An element or a property of the plan: its bytes are ``start`` to ``end``, within it ``inner`` to ``inner_end``.

    ``text`` is its own text; of an empty tag (``<a/>``) ``inner`` is ``end``, and nothing can be put into it.
    """

    tag: str
    attributes: dict[str, str]
    start: int
    inner: int
    inner_end: int = 0
    end: int = 0
    text: str = ""
    children: list["PlanNode"] = field(default_factory=list)

    @property
    def is_empty_tag(self) -> bool:
        """Whether it is written as one tag, without an end tag."""
        return self.inner == self.end

    @property
    def kind(self) -> str:
        """JMeter's name of it: the class, without the package of JMeter's own thread groups."""
        return self.tag.removeprefix(_OWN_PACKAGE)

    @property
    def is_enabled(self) -> bool:
        """Whether JMeter runs it."""
        return self.attributes.get("enabled") != "false" and self.value("TestElement.enabled") != "false"

    def named(self, name: str) -> list["PlanNode"]:
        """Its properties of that name."""
        return [child for child in self.children if child.attributes.get("name") == name]

    def value(self, name: str) -> str | None:
        """The text of a property; None when there is none. Of two the last counts, as for JMeter."""
        found = self.named(name)
        return found[-1].text.strip() if found else None


@dataclass(slots=True)
class PlanOutline:
    """What of a plan says how its load is made: the test plan's head and all thread groups, in their order."""

    head: PlanNode | None = None
    groups: list[PlanNode] = field(default_factory=list)

    @property
    def running_groups(self) -> list[PlanNode]:
        """The groups that are enabled."""
        return [group for group in self.groups if group.is_enabled]

    @property
    def main_groups(self) -> list[PlanNode]:
        """The groups that make the load."""
        return [group for group in self.running_groups if group.kind not in (SET_UP, TEAR_DOWN)]


SET_UP: Final = "SetupThreadGroup"
TEAR_DOWN: Final = "PostThreadGroup"


def read_outline(content: bytes) -> PlanOutline:
    """Read a plan. Raises NotATestPlan unless it is well-formed UTF-8 XML, without entities, with the right root."""
    if len(content) > MAX_PLAN_BYTES:
        raise NotATestPlan(f"it is larger than {MAX_PLAN_BYTES} bytes")
    try:
        # JMeter reads plans as UTF-8 whatever they say themselves (_file_encoding in saveservice.properties).
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotATestPlan(f"it is not UTF-8: {error}") from error
    reader = _Reader(content)
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise NotATestPlan(f"it is not well-formed XML: {error}") from error
    return reader.outline


class _Reader:
    """Keeps the nodes of thread groups and of the head; of everything else only how deep it is."""

    def __init__(self, content: bytes) -> None:
        self.outline = PlanOutline()
        self.parser = expat.ParserCreate(encoding="UTF-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = _refuse_entities
        self.parser.ExternalEntityRefHandler = _refuse_entities
        self._content = content
        self._depth = 0
        self._kept: list[PlanNode] = []

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 0 and name != "jmeterTestPlan":
            raise NotATestPlan(f"its root element is <{name[:100]}>, not <jmeterTestPlan>")
        self._depth += 1
        is_group = name.endswith("ThreadGroup")
        if not self._kept and not is_group and (name != "TestPlan" or self.outline.head is not None):
            return
        start = self.parser.CurrentByteIndex
        node = PlanNode(name, attributes, start, start + len(self._tag_at(start)))
        if self._kept:
            self._kept[-1].children.append(node)
        elif is_group:
            self.outline.groups.append(node)
        else:
            self.outline.head = node
        self._kept.append(node)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if not self._kept:
            return
        node = self._kept.pop()
        if self._content.endswith(b"/>", node.start, node.inner):
            node.inner_end = node.end = node.inner
            return
        node.inner_end = self.parser.CurrentByteIndex
        node.end = node.inner_end + len(self._tag_at(node.inner_end))

    def _text(self, text: str) -> None:
        if self._kept:
            self._kept[-1].text += text

    def _tag_at(self, start: int) -> bytes:
        found = _TAG.match(self._content, start)
        if found is None:
            raise NotATestPlan(f"no tag at byte {start}")
        return found.group()


def _refuse_entities(*_declaration: object) -> Never:
    raise NotATestPlan("it declares or uses entities, which no JMeter plan needs")
