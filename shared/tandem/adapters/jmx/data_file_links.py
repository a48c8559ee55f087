"""Puts the engine's paths of the uploaded data files into a plan, and changes nothing else of it, not one byte.

What is replaced are the texts that name a file to be read: of data sets, files that requests send, included plans,
scripts. The plan is read twice: first to learn the byte ranges of those texts, then to copy it with them replaced.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from tandem.adapters.jmx.literal import literal
from tandem.adapters.jmx.plan_tree import simple_name
from tandem.adapters.jmx.xml_stream import parse_plan_xml
from tandem.adapters.jmx.xml_text import escape_text
from tandem.domain.errors import InvalidTestPlan
from tandem.domain.plan_expressions import data_file_name
from tandem.domain.plan_facts import ReadLimits

_DEFAULT_LIMITS = ReadLimits()


@dataclass(frozen=True, slots=True)
class _Change:
    """The bytes ``start`` (included) to ``end`` (excluded) become ``content``."""

    start: int
    end: int
    content: bytes


class DataFileLinker(Protocol):
    def __call__(self, open_plan: Callable[[], Iterable[bytes]], links: Mapping[str, str]) -> Iterable[bytes]: ...


def link_data_files(
    open_plan: Callable[[], Iterable[bytes]], links: Mapping[str, str], limits: ReadLimits = _DEFAULT_LIMITS
) -> Iterable[bytes]:
    """Return the plan with the data files of ``links`` (last part of the name: path on the engine) in their places.

    ``open_plan`` is called twice and must give the same bytes both times; the stream is the plan's own when nothing
    matches. Raises InvalidTestPlan or TooLarge before the first byte, and InvalidTestPlan when the plan changed.
    """
    finder = _FileNameFinder(links)
    parse_plan_xml(open_plan(), limits, finder)
    return _replaced(open_plan(), finder.changes) if finder.changes else open_plan()


# By the names of properties that always name a file to be read, and of those that do so in some elements only.
_READ_ANYWHERE = frozenset(
    {"File.path", "IncludeController.includepath", "BeanShellSampler.filename", "BSFSampler.filename"}
)
_READ_IN = {"filename": ("CSVDataSet", "RandomCSVDataSetConfig", "JSR223", "BSF", "BeanShell")}


def names_a_linked_file(name: str, kind: str) -> bool:
    """Whether a property of that name, in an element of that kind, names a file that is linked here."""
    return name in _READ_ANYWHERE or kind.startswith(_READ_IN.get(name, ("(none)",)))


class _FileNameFinder:
    """See ``XmlHandler``."""

    def __init__(self, links: Mapping[str, str]) -> None:
        self.changes: list[_Change] = []
        self._links = links
        self._depth = 0
        # The elements that are open: a property belongs to the innermost one.
        self._elements: list[tuple[int, str]] = []
        self._property_depth = 0
        self._content_start: int | None = None
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str], line: int, offset: int) -> None:
        self._depth += 1
        self._note_content(offset)
        if tag == "stringProp":
            if self._names_a_file(attributes.get("name", "")):
                self._property_depth = self._depth
                self._content_start = None
                self._text = []
        elif not tag.endswith("Prop"):
            self._elements.append((self._depth, simple_name(attributes.get("class", tag))))

    def text(self, text: str, offset: int) -> None:
        self._note_content(offset)
        if self._property_depth:
            self._text.append(text)

    def markup(self, offset: int) -> None:
        self._note_content(offset)

    def end(self, tag: str, offset: int) -> None:
        if self._depth == self._property_depth:
            self._change(offset)
            self._property_depth = 0
        elif self._elements and self._elements[-1][0] == self._depth:
            self._elements.pop()
        self._depth -= 1

    def _names_a_file(self, name: str) -> bool:
        return names_a_linked_file(name, self._elements[-1][1] if self._elements else "")

    def _note_content(self, offset: int) -> None:
        # The first thing after the start tag tells where the content begins; expat does not tell where a tag ends.
        if self._property_depth and self._content_start is None:
            self._content_start = offset

    def _change(self, end: int) -> None:
        name = data_file_name("".join(self._text))
        if self._content_start is not None and name is not None and name in self._links:
            content = escape_text(literal(self._links[name])).encode()
            self.changes.append(_Change(self._content_start, end, content))


def _replaced(chunks: Iterable[bytes], changes: list[_Change]) -> Iterator[bytes]:
    position = 0
    waiting = iter(changes)
    change = next(waiting, None)
    for chunk in chunks:
        end = position + len(chunk)
        while change is not None and change.start < end:
            if position < change.start:
                yield chunk[len(chunk) - (end - position) : len(chunk) - (end - change.start)]
            if position <= change.start:
                yield change.content
            position = max(position, min(change.end, end))
            if end < change.end:
                break
            change = next(waiting, None)
        if position < end:
            yield chunk[len(chunk) - (end - position) :]
        position = end
    if change is not None:
        raise InvalidTestPlan("The test plan changed while its data files were linked.")
