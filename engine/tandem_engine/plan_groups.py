"""The thread groups that a plan runs, by name and element."""

from typing import Final
from xml.parsers import expat

from tandem_samples import ThreadGroup, kind_of_element

_NAME: Final = "testname"


def thread_groups_of(content: bytes) -> list[list[str]]:
    """Name and element of each enabled thread group in enabled parts of the plan; none of a plan that is no XML.

    An element's children are in the ``hashTree`` that follows it: those of a disabled one do not run.
    """
    found: list[list[str]] = []
    # For each open element: whether what is in it runs, and whether its last child did.
    runs = [True]
    last = [True]
    parser = expat.ParserCreate(encoding="UTF-8")

    def on_start(name: str, attributes: dict[str, str]) -> None:
        if name == "hashTree":
            inside = runs[-1] and last[-1]
        else:
            enabled = attributes.get("enabled", "true") != "false"
            inside = runs[-1] and enabled
            if kind_of_element(name) is not None and _NAME in attributes and inside:
                found.append([attributes[_NAME], name])
            last[-1] = enabled
        runs.append(inside)
        last.append(True)

    def on_end(_name: str) -> None:
        runs.pop()
        last.pop()

    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    try:
        parser.Parse(content, True)
    except expat.ExpatError:
        return []
    return found


def as_groups(listed: list[list[str]]) -> list[ThreadGroup]:
    """As the rule of what counts as load wants them."""
    kinds = ((name, kind_of_element(element)) for name, element in listed)
    return [ThreadGroup(name, kind) for name, kind in kinds if kind is not None]
