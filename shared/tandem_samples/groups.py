"""Which thread group of a plan a sample came from, told by the name of its thread.

JMeter names threads ``[<prefix>-]<group name> <group number>-<thread number>``, the prefix only in distributed runs
(``host:port``); plug-in groups do the same (org.apache.jmeter.threads.AbstractThreadGroup.makeThread,
com.blazemeter.jmeter.threads.AbstractThreadStarter, kg.apc.jmeter.threads.AbstractSimpleThreadGroup).
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

_MAX_CACHED: Final = 10_000
_NUMBERS: Final = re.compile(r"[0-9]{1,10}-[0-9]{1,10}")
# How a text with expressions writes these signs (org.apache.jmeter.engine.util.FunctionParser).
_ESCAPED: Final = re.compile(r"\\([$,\\])")
# Of a distributed run: a host, perhaps with a port; no name of a host holds white space.
_PREFIX: Final = r"[^\s-][^\s]*-"


class GroupKind(StrEnum):
    """What a thread group is for: load, or the preparation before it and the clean-up after it."""

    MAIN = "MAIN"
    SETUP = "SETUP"
    TEARDOWN = "TEARDOWN"


class ThreadGroup(NamedTuple):
    """An enabled thread group of a plan; ``name`` as the plan says it, with its ``${expressions}``."""

    name: str
    kind: GroupKind


class ToldGroup(NamedTuple):
    """The kind of a sample's group; ``matched`` is False when the thread's name fits no group (then it is MAIN)."""

    kind: GroupKind
    matched: bool


_UNTOLD: Final = ToldGroup(GroupKind.MAIN, matched=False)


def kind_of_element(element: str) -> GroupKind | None:
    """The kind of group that an element of a plan is, by its Java class or simple name; None when it is no group.

    Every class whose name ends with ``ThreadGroup`` is one: open model, ``kg.apc.*``, ``com.blazemeter.*``.
    """
    name = element.rsplit(".", 1)[-1]
    if not name.endswith("ThreadGroup"):
        return None
    return {"SetupThreadGroup": GroupKind.SETUP, "PostThreadGroup": GroupKind.TEARDOWN}.get(name, GroupKind.MAIN)


class ThreadGroups:
    """The enabled thread groups of a plan, to be asked for the group of each sample's thread.

    Without groups (none are known) every row is load: ``known`` is False and nothing ever matches.

    Of several groups that a thread's name fits, those that fit best are asked: first names written out; then names
    behind a distributed run's prefix, and names of which a part is a ``${expression}`` (which stands for any text);
    last names that are nothing but expressions. A name that fits a main group and another equally well is the main
    group's, one that fits set-up and tear-down is the set-up's.
    """

    def __init__(self, groups: Iterable[ThreadGroup] = ()) -> None:
        self.groups = tuple(groups)
        self._written: dict[str, GroupKind] = {}
        self._partly: list[tuple[re.Pattern[str], GroupKind]] = []
        self._anything: GroupKind | None = None
        for name, kind in sorted(self.groups, key=lambda group: list(GroupKind).index(group.kind)):
            pieces = literal_pieces(name)
            if len(pieces) == 1:
                self._written.setdefault(name, kind)
            elif any(pieces):
                pattern = f"(?:{_PREFIX})?" + ".*".join(re.escape(_ESCAPED.sub(r"\1", each)) for each in pieces)
                self._partly.append((re.compile(pattern, re.DOTALL), kind))
            elif self._anything is None:
                self._anything = kind
        self._cache: dict[str, ToldGroup] = {}

    @property
    def known(self) -> bool:
        """Whether any group is known: else ``groupsKnown`` is false."""
        return bool(self.groups)

    @property
    def all_load(self) -> bool:
        """Whether no row can be of a set-up or tear-down group."""
        return all(group.kind is GroupKind.MAIN for group in self.groups)

    def kind_of(self, thread_name: str) -> ToldGroup:
        """The kind of group that a sample's thread belongs to; each distinct name of a group is looked at once."""
        name, _, numbers = thread_name.rpartition(" ")
        if _NUMBERS.fullmatch(numbers) is None or len(name) == len(thread_name):
            return _UNTOLD
        return self.kind_of_group(name)

    def kind_of_group(self, group_name: str) -> ToldGroup:
        """The same for a thread's name without its `` <group number>-<thread number>``."""
        told = self._cache.get(group_name)
        if told is None:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            told = self._cache[group_name] = self._look(group_name)
        return told

    def _look(self, name: str) -> ToldGroup:
        written = self._written.get(name)
        if written is not None:
            return ToldGroup(written, matched=True)
        behind_prefix = {
            kind for each, kind in self._written.items() if name.endswith("-" + each) and _is_prefix(name, each)
        }
        fitting = behind_prefix | {kind for pattern, kind in self._partly if pattern.fullmatch(name)}
        for kind in GroupKind:
            if kind in fitting:
                return ToldGroup(kind, matched=True)
        return _UNTOLD if self._anything is None else ToldGroup(self._anything, matched=True)


def literal_pieces(name: str) -> list[str]:
    """What stands outside of a name's ``${expressions}``: one piece more than there are expressions."""
    pieces, begin, position = [], 0, 0
    while (start := name.find("${", position)) >= 0:
        end = _end_of_expression(name, start)
        if end is None:
            break
        pieces.append(name[begin:start])
        begin = position = end
    return [*pieces, name[begin:]]


def _end_of_expression(text: str, start: int) -> int | None:
    depth = 0
    for position in range(start, len(text)):
        if text.startswith("${", position):
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position + 1
    return None


def _is_prefix(name: str, group: str) -> bool:
    return re.fullmatch(_PREFIX, name[: len(name) - len(group)]) is not None
