"""Reading a JMX plan without trusting it, and writing the run-time copy whose thread groups obey ``duration``.

The copy is made by cutting and inserting bytes at the offsets that expat reports, so that everything else (comments,
CDATA, ``&#xd;`` in request bodies) reaches JMeter exactly as its author wrote it.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Never
from xml.parsers import expat

MAX_PLAN_BYTES: Final = 64 * 1024 * 1024

_TAG: Final = re.compile(rb"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_SCHEDULING: Final = frozenset(("ThreadGroup.scheduler", "ThreadGroup.duration", "ThreadGroup.delay"))


class NotATestPlan(Exception):
    """The bytes are no JMeter test plan that we run; the text says why."""


@dataclass(slots=True)
class _Element:
    name: str
    start: int
    property_name: str | None


@dataclass(slots=True)
class _Reading:
    """What one pass over the plan found: where to insert, and which byte ranges to leave out."""

    insert_at: list[int] = field(default_factory=list)
    leave_out: list[tuple[int, int]] = field(default_factory=list)


def check_plan(content: bytes) -> None:
    """Raise NotATestPlan unless the bytes are a JMeter test plan: well-formed UTF-8 XML, no entities, right root."""
    _read(content)


def with_duration(content: bytes, duration: int) -> bytes:
    """The plan with every ThreadGroup on the scheduler for ``duration`` seconds, without start delay.

    Raises NotATestPlan.
    """
    reading = _read(content)
    scheduling = (
        b'<boolProp name="ThreadGroup.scheduler">true</boolProp>'
        b'<stringProp name="ThreadGroup.duration">%d</stringProp>'
        b'<stringProp name="ThreadGroup.delay">0</stringProp>' % duration
    )
    edits = [(place, place, scheduling) for place in reading.insert_at]
    edits += [(start, end, b"") for start, end in reading.leave_out]
    pieces: list[bytes] = []
    done = 0
    for start, end, replacement in sorted(edits):
        pieces += (content[done:start], replacement)
        done = end
    pieces.append(content[done:])
    return b"".join(pieces)


def _read(content: bytes) -> _Reading:
    if len(content) > MAX_PLAN_BYTES:
        raise NotATestPlan(f"it is larger than {MAX_PLAN_BYTES} bytes")
    try:
        # JMeter reads plans as UTF-8 whatever they say themselves (_file_encoding in saveservice.properties).
        content.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise NotATestPlan(f"it is not UTF-8: {fault}") from fault
    reading = _Reading()
    path: list[_Element] = []
    parser = expat.ParserCreate(encoding="UTF-8")

    def on_start(name: str, attributes: dict[str, str]) -> None:
        if not path and name != "jmeterTestPlan":
            raise NotATestPlan(f"its root element is <{name[:100]}>, not <jmeterTestPlan>")
        start = parser.CurrentByteIndex
        path.append(_Element(name, start, attributes.get("name")))
        tag = _tag_at(content, start)
        if name == "ThreadGroup" and not tag.endswith(b"/>"):
            reading.insert_at.append(start + len(tag))

    def on_end(name: str) -> None:
        element = path.pop()
        if path and path[-1].name == "ThreadGroup" and element.property_name in _SCHEDULING:
            opening = _tag_at(content, element.start)
            if opening.endswith(b"/>"):
                end = element.start + len(opening)
            else:
                end = parser.CurrentByteIndex + len(_tag_at(content, parser.CurrentByteIndex))
            reading.leave_out.append((element.start, end))

    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    parser.EntityDeclHandler = _refuse_entities
    parser.ExternalEntityRefHandler = _refuse_entities
    try:
        parser.Parse(content, True)
    except expat.ExpatError as fault:
        raise NotATestPlan(f"it is not well-formed XML: {fault}") from fault
    return reading


def _refuse_entities(*_declaration: object) -> Never:
    raise NotATestPlan("it declares or uses entities, which no JMeter plan needs")


def _tag_at(content: bytes, start: int) -> bytes:
    found = _TAG.match(content, start)
    if found is None:
        raise NotATestPlan(f"no tag at byte {start}")
    return found.group()
