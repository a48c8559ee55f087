"""Follows the shape of a test plan: elements, each with its values, followed by the hashTree of what lies below it.

::

    <jmeterTestPlan>
      <hashTree>
        <TestPlan testname="...">  values  </TestPlan>
        <hashTree>  <ThreadGroup ...>...</ThreadGroup>  <hashTree>...</hashTree>  ...  </hashTree>
      </hashTree>
    </jmeterTestPlan>

JMeter (``HashTreeConverter``) takes elements and hashTrees strictly in turn and fails on anything else, as this does.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote_plus

from tandem.adapters.jmx import plan_shape as shape
from tandem.adapters.jmx.standard_jmeter import IGNORED_SAVE_FIELD, PROPERTY_TAGS, SIMPLE_TAGS
from tandem.adapters.jmx.standard_jmeter import element_alias as alias_of
from tandem.domain.errors import InvalidTestPlan
from tandem.domain.plan_facts import ReadLimits


@dataclass(slots=True)
class ReadElement:
    """An element with the values that it holds directly; ``disabled`` as the element itself says it.

    ``kind`` is JMeter's name of it, also where the plan gives the class.
    """

    kind: str
    java_class: str
    name: str
    line: int
    path: str
    gui: str
    disabled: bool
    values: dict[str, str] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """An element inside an element, such as the Argument of a list of variables."""

    kind: str
    java_class: str
    gui: str
    values: Mapping[str, str]


class PlanVisitor(Protocol):
    """Is told the elements in the order of the file."""

    def text(self, element: ReadElement, text: str) -> None:
        """Any text of the element: its name or one of its values."""

    def row(self, element: ReadElement, row: ReadRow) -> None:
        """An inner element with values of its own."""

    def list_value(self, element: ReadElement, list_name: str, value: str) -> None:
        """One entry of a list of plain values."""

    def object(self, element: ReadElement, java_class: str) -> None:
        """A Java object that JMeter would build from the file, outside the kinds of values that elements have."""

    def odd(self, element: ReadElement, what: str) -> None:
        """Something that no JMeter writes, and that can mean another thing to JMeter than to a reader."""

    def leave_element(self, element: ReadElement) -> None:
        """The element is whole; what lies below it comes next."""

    def enter_tree(self) -> None:
        """What follows lies below the element that was left last."""

    def leave_tree(self) -> None: ...


def simple_name(java_class: str) -> str:
    return java_class.rsplit(".", 1)[-1]


def kind_of(java_class: str) -> str:
    return alias_of(java_class) or simple_name(java_class)


@dataclass(slots=True)
class _Value:
    """One open value of an element: a property, or anything below it."""

    tag: str
    name: str
    java_class: str
    gui: str = ""
    values: dict[str, str] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    text: list[str] = field(default_factory=list)
    length: int = 0


class PlanTreeHandler:
    """Turns XML into elements for the visitor; see ``XmlHandler``."""

    def __init__(self, limits: ReadLimits, kept: Container[str], visitor: PlanVisitor, *, fragment: bool) -> None:
        """``kept`` are the names of the values that elements and rows are given to the visitor with.

        ``fragment``: the file is for an Include Controller, which needs no thread group.
        """
        self._limits = limits
        self._kept = kept
        self._visitor = visitor
        self._fragment = fragment
        self._started = False
        self._url_encoded = False
        self._trees: list[_Tree] = []
        self._element: ReadElement | None = None
        self._open: list[_Value] = []
        self._has_plan = False
        self._has_threads = False

    def check_complete(self) -> None:
        """Raises InvalidTestPlan when the document, well-formed as it is, holds no test that could run."""
        if not self._has_plan:
            raise InvalidTestPlan("The file holds no TestPlan element: it is no JMeter test plan, or is damaged.")
        if not self._has_threads and not self._fragment:
            raise InvalidTestPlan("The test plan holds no thread group, so it would send nothing.")

    def start(self, tag: str, attributes: dict[str, str], line: int, offset: int) -> None:
        if not self._started:
            self._start_document(tag, attributes, line)
        elif self._element is not None:
            self._start_value(self._element, tag, attributes)
        elif not self._trees or self._trees[-1].expects_tree:
            self._start_tree(tag, attributes, line)
        else:
            self._start_element(tag, attributes, line)

    def text(self, text: str, offset: int) -> None:
        if self._open:
            value = self._open[-1]
            value.length += len(text)
            if value.length > self._limits.max_value_length:
                raise InvalidTestPlan(
                    f"A value is longer than {self._limits.max_value_length} characters ({value.name})."
                )
            value.text.append(text)

    def markup(self, offset: int) -> None:
        """Comments do not interrupt a value: JMeter joins the text around them."""

    def end(self, tag: str, offset: int) -> None:
        if self._open and self._element is not None:
            self._end_value(self._element)
        elif self._element is not None:
            self._end_element(self._element)
        elif self._trees:
            self._trees.pop()
            self._visitor.leave_tree()

    def _start_document(self, tag: str, attributes: dict[str, str], line: int) -> None:
        if tag != "jmeterTestPlan":
            raise InvalidTestPlan(
                f"The file is XML, but no JMeter test plan: it begins with <{tag}>, not <jmeterTestPlan> (line {line})."
            )
        self._started = True
        # JMeter 2.1 and older wrote texts URL-encoded, and later ones still decode them (ConversionHelp.decode).
        self._url_encoded = attributes.get("version") == "1.0"
        self._odd_outside("jmeterTestPlan", attributes, shape.DOCUMENT_ATTRIBUTES, line)
        if self._url_encoded:
            element = ReadElement(tag, tag, "", line, tag, "", disabled=False)
            self._visitor.odd(element, "the URL encoding of JMeter 2.1 (version 1.0); save the plan with a newer one")

    def _start_tree(self, tag: str, attributes: dict[str, str], line: int) -> None:
        if simple_name(attributes.get("class", tag)) not in {"hashTree", "HashTree", "ListedHashTree"}:
            last = self._trees[-1].last if self._trees else None
            after = "jmeterTestPlan" if last is None else f"{last.kind} {last.name!r}"
            raise InvalidTestPlan(
                f"<{tag}> at line {line} stands where the hashTree of {after} must be: JMeter cannot read it."
            )
        self._odd_outside(tag, attributes, shape.TREE_ATTRIBUTES, line)
        path = ""
        if self._trees and self._trees[-1].last is not None:
            path = self._trees[-1].last.path
            self._trees[-1].expects_tree = False
        self._trees.append(_Tree(path))
        self._visitor.enter_tree()

    def _odd_outside(self, tag: str, attributes: dict[str, str], known: frozenset[str], line: int) -> None:
        for name in attributes.keys() - known:
            element = ReadElement(tag, tag, "", line, tag, "", disabled=False)
            self._visitor.odd(element, f"<{tag}> has the attribute {name[:100]}")

    def _start_element(self, tag: str, attributes: dict[str, str], line: int) -> None:
        tree = self._trees[-1]
        # The attribute goes before the tag (AbstractCollectionConverter): a tag can be any name when there is one.
        java_class = attributes.get("class", tag)
        full_name = self._decoded(attributes.get("testname", ""))
        name = full_name[:NAME_LENGTH]
        element = ReadElement(
            kind=kind_of(java_class),
            java_class=java_class,
            name=name,
            line=line,
            path=f"{tree.path}/{name or simple_name(java_class)}" if tree.path else name or simple_name(java_class),
            gui=simple_name(attributes.get("guiclass", "")),
            # JMeter takes anything but "true" for disabled; only the plain word is believed here.
            disabled=attributes.get("enabled") == "false",
        )
        self._element = element
        self._has_plan = self._has_plan or element.kind == "TestPlan"
        self._has_threads = self._has_threads or element.kind.endswith("ThreadGroup")
        for odd in sorted(attributes.keys() - shape.ELEMENT_ATTRIBUTES):
            self._visitor.odd(element, f"<{tag}> has the attribute {odd[:100]}")
        self._visitor.text(element, full_name)

    def _start_value(self, element: ReadElement, tag: str, attributes: dict[str, str]) -> None:
        parent = self._open[-1] if self._open else None
        place = shape.place_of(None if parent is None else parent.tag)
        java_class = attributes.get("class", tag)
        if place is shape.Place.UNREAD or place is shape.Place.FOREIGN:
            self._open.append(_Value(IGNORED_SAVE_FIELD if place is shape.Place.UNREAD else shape.FOREIGN, "", ""))
            return
        kept_as = shape.value_tag(place, tag, attributes)
        if kept_as is None and place is shape.Place.TEXT:
            self._visitor.odd(element, f"a plain value ({'' if parent is None else parent.name[:100]}) holds <{tag}>")
        elif kept_as is None:
            self._visitor.object(element, java_class)
        for odd in sorted(attributes.keys() - shape.VALUE_ATTRIBUTES):
            self._visitor.odd(element, f"<{tag}> has the attribute {odd[:100]}")
        name = self._decoded(attributes.get("name", ""))
        self._open.append(
            _Value(kept_as or shape.FOREIGN, name, attributes.get("elementType", ""), attributes.get("guiclass", ""))
        )

    def _end_value(self, element: ReadElement) -> None:
        value = self._open.pop()
        text = self._decoded("".join(value.text))
        self._visitor.text(element, text)
        parent = self._open[-1] if self._open else None
        if value.tag == "name" and parent is not None:
            # Numbers and objects have their name inside.
            parent.name = text
        elif value.tag == "elementProp":
            row = ReadRow(kind_of(value.java_class), value.java_class, simple_name(value.gui), value.values)
            self._visitor.row(element, row)
        if value.tag in PROPERTY_TAGS:
            self._note_name(element, parent, value)
        if value.tag in SIMPLE_TAGS:
            self._keep(element, value.name, text)

    def _note_name(self, element: ReadElement, parent: _Value | None, value: _Value) -> None:
        """JMeter keeps the last of several values of a name, whatever their kinds."""
        if parent is not None and parent.tag != "elementProp":
            return
        named = element.named if parent is None else parent.named
        if value.name in named:
            self._visitor.odd(element, f"it has two values named {value.name[:100]}")
        elif value.name in self._kept and value.tag not in SIMPLE_TAGS:
            self._visitor.odd(element, f"its value {value.name[:100]} is given as {value.tag}")
        elif len(named) < self._limits.max_facts:
            named.add(value.name)
        else:
            raise InvalidTestPlan(f"An element has more than {self._limits.max_facts} values (line {element.line}).")

    def _keep(self, element: ReadElement, name: str, text: str) -> None:
        if not self._open:
            if name in self._kept:
                element.values[name] = text
        elif self._open[-1].tag == "elementProp":
            if name in self._kept:
                self._open[-1].values[name] = text
        elif self._open[-1].tag == "collectionProp":
            lists = next((value.name for value in self._open if value.tag == "collectionProp"), "")
            self._visitor.list_value(element, lists, text)

    def _end_element(self, element: ReadElement) -> None:
        self._element = None
        own = element.values.get("TestElement.enabled")
        if own is not None:
            # A value of this name goes before the attribute.
            element.disabled = own.strip().lower() == "false"
        if self._fragment and element.kind in {"TestPlan", "TestFragmentController"}:
            # An Include Controller takes what lies below them, enabled or not.
            element.disabled = False
        tree = self._trees[-1]
        tree.last = element
        tree.expects_tree = True
        self._visitor.leave_element(element)

    def _decoded(self, text: str) -> str:
        return unquote_plus(text) if self._url_encoded else text


# Of a name as much as a finding shows: paths repeat it for everything below.
NAME_LENGTH = 200


@dataclass(slots=True)
class _Tree:
    """One open hashTree; ``path`` of the element that it belongs to."""

    path: str
    last: ReadElement | None = None
    expects_tree: bool = False
