"""Reads the names and kinds of a plan's enabled thread groups, and how fast they grow, and nothing else."""

from collections.abc import Iterable, Mapping

from tandem_samples import GroupKind, ThreadGroup, kind_of_element

from tandem.adapters.jmx.plan_tree import NAME_LENGTH, PlanTreeHandler, ReadElement, ReadRow
from tandem.adapters.jmx.xml_stream import parse_plan_xml
from tandem.domain.plan_facts import ReadLimits
from tandem.domain.plan_shape import PlanShape, ramp_up_of

_LIMITS = ReadLimits()
_MAX_GROUPS = 1000
_RAMP_UP = "ThreadGroup.ramp_time"


def read_plan_shape(chunks: Iterable[bytes], properties: Mapping[str, str]) -> PlanShape:
    """The first _MAX_GROUPS enabled groups in the plan's order. Raises InvalidTestPlan or TooLarge."""
    collector = _GroupCollector()
    handler = PlanTreeHandler(_LIMITS, frozenset({"TestElement.enabled", _RAMP_UP}), collector, fragment=False)
    parse_plan_xml(chunks, _LIMITS, handler)
    return PlanShape(tuple(collector.groups), ramp_up_of(collector.ramp_ups, properties))


def read_thread_groups(chunks: Iterable[bytes]) -> tuple[ThreadGroup, ...]:
    """The groups alone. Raises InvalidTestPlan or TooLarge."""
    return read_plan_shape(chunks, {}).groups


class _GroupCollector:
    """See ``PlanVisitor``."""

    def __init__(self) -> None:
        self.groups: list[ThreadGroup] = []
        self.ramp_ups: list[str] = []
        # Whether each open hashTree, and the element left last, lies in a disabled part.
        self._trees_disabled: list[bool] = []
        self._last_disabled = False

    def text(self, element: ReadElement, text: str) -> None: ...

    def row(self, element: ReadElement, row: ReadRow) -> None: ...

    def list_value(self, element: ReadElement, list_name: str, value: str) -> None: ...

    def object(self, element: ReadElement, java_class: str) -> None: ...

    def odd(self, element: ReadElement, what: str) -> None: ...

    def leave_element(self, element: ReadElement) -> None:
        self._last_disabled = element.disabled or (bool(self._trees_disabled) and self._trees_disabled[-1])
        kind = kind_of_element(element.kind)
        if kind is not None and not self._last_disabled and len(self.groups) < _MAX_GROUPS:
            # Of a name that was cut the rest may be anything, as of an expression.
            name = element.name if len(element.name) < NAME_LENGTH else f"{element.name}${{}}"
            self.groups.append(ThreadGroup(name, kind))
            if kind is GroupKind.MAIN:
                self.ramp_ups.append(element.values.get(_RAMP_UP, ""))

    def enter_tree(self) -> None:
        self._trees_disabled.append(self._last_disabled)

    def leave_tree(self) -> None:
        self._last_disabled = self._trees_disabled.pop()
