"""Changing a plan by cutting and inserting bytes.

Everything else (comments, CDATA, ``&#xd;`` in request bodies) reaches JMeter exactly as its author wrote it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tandem_engine.plan import PlanNode

_PROPERTY_CALL: Final = re.compile(r"\$\{__(P|property)\(([^,()${}]+)(?:,([^,()${}]*))?(?:,([^,()${}]*))?\)\}")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """The bytes ``start`` to ``end`` (excluded) become ``content``."""

    start: int
    end: int
    content: bytes


def apply_edits(content: bytes, edits: list[Edit]) -> bytes:
    """The content with all edits, none of which may overlap another."""
    pieces: list[bytes] = []
    done = 0
    for edit in sorted(edits):
        pieces += (content[done : edit.start], edit.content)
        done = edit.end
    pieces.append(content[done:])
    return b"".join(pieces)


def set_properties(node: PlanNode, xml_by_name: Mapping[str, bytes]) -> list[Edit]:
    """Give an element these properties, in place of those of the same names. An empty tag is left as it is."""
    if node.is_empty_tag:
        return []
    left_out = [Edit(old.start, old.end, b"") for name in xml_by_name for old in node.named(name)]
    return [Edit(node.inner, node.inner, b"".join(xml_by_name.values())), *left_out]


def string_property(name: str, value: str) -> bytes:
    """A property that holds text."""
    return f'<stringProp name="{name}">{escape(value)}</stringProp>'.encode()


def flag_property(name: str, value: bool) -> bytes:
    """A property that holds true or false."""
    return f'<boolProp name="{name}">{"true" if value else "false"}</boolProp>'.encode()


def seconds_text(value: float) -> str:
    """A number as JMeter and its plug-ins read it: whole where it is whole."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def amount(text: str | None, properties: Mapping[str, str]) -> float | None:
    """The number that a property holds, through ``${__P(name,default)}``; None when only JMeter can know it."""
    try:
        number = float(resolved(text or "", properties))
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def resolved(text: str, properties: Mapping[str, str]) -> str:
    """The text with ``${__P(name,default)}`` and ``${__property(name,,default)}`` as JMeter will see them."""

    def value_of(call: re.Match[str]) -> str:
        function, name, second, third = call.groups()
        default = second if function == "P" else third
        return properties.get(name.strip(), default if default is not None else "1" if function == "P" else "")

    return _PROPERTY_CALL.sub(value_of, text).strip()
