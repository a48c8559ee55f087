"""What JMeter itself writes into a plan, and where: everything else can mean another thing to JMeter than to a reader.

XStream, which opens plans for JMeter, also follows references, takes a class from an attribute, and builds any object
that a tag names. The values of JMeter's own kinds need none of that, except what a listener saves.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from tandem.adapters.jmx.standard_jmeter import (
    IGNORED_SAVE_FIELD,
    NUMBER_TAGS,
    PROPERTY_TAGS,
    SAVE_CONFIGURATION,
    SAVE_CONFIGURATION_CLASS,
    SAVE_CONFIGURATION_FIELDS,
)

DOCUMENT_ATTRIBUTES: Final = frozenset({"version", "properties", "jmeter"})
TREE_ATTRIBUTES: Final = frozenset({"class"})
ELEMENT_ATTRIBUTES: Final = frozenset({"class", "guiclass", "testclass", "testname", "enabled"})
# "class" of a value is judged with its tag.
VALUE_ATTRIBUTES: Final = frozenset({"name", "elementType", "guiclass", "testclass", "testname", "enabled", "class"})

FOREIGN: Final = "(foreign)"
"""The tag under which a value is kept that none of JMeter's kinds has."""


_NUMBER_PARTS: Final = frozenset({"name", "value", "savedValue"})


class Place(Enum):
    """Where in a plan a value stands."""

    ELEMENT = auto()
    NUMBER = auto()
    OBJECT = auto()
    SAVE_CONFIGURATION = auto()
    TEXT = auto()
    FOREIGN = auto()
    UNREAD = auto()


def place_of(parent: str | None) -> Place:
    """Say where a value stands by the kept tag of what holds it; None is the element itself."""
    if parent is None or parent in {"collectionProp", "elementProp", "mapProp"}:
        return Place.ELEMENT
    if parent in NUMBER_TAGS:
        return Place.NUMBER
    if parent == "objProp":
        return Place.OBJECT
    if parent == SAVE_CONFIGURATION:
        return Place.SAVE_CONFIGURATION
    if parent == FOREIGN:
        return Place.FOREIGN
    return Place.UNREAD if parent == IGNORED_SAVE_FIELD else Place.TEXT


def value_tag(place: Place, tag: str, attributes: Mapping[str, str]) -> str | None:
    """Return the tag to keep a value under; None when JMeter writes no such value there."""
    java_class = attributes.get("class")
    if place is Place.OBJECT and tag == "value" and java_class in {SAVE_CONFIGURATION, SAVE_CONFIGURATION_CLASS}:
        return SAVE_CONFIGURATION
    if place is Place.SAVE_CONFIGURATION and tag == IGNORED_SAVE_FIELD:
        return IGNORED_SAVE_FIELD
    if java_class is not None and java_class != tag:
        return None
    if place is Place.ELEMENT:
        return tag if tag in PROPERTY_TAGS else None
    if place is Place.NUMBER:
        return tag if tag in _NUMBER_PARTS else None
    if place is Place.OBJECT:
        return tag if tag == "name" else None
    if place is Place.SAVE_CONFIGURATION:
        return "(saved)" if tag in SAVE_CONFIGURATION_FIELDS else None
    return None
