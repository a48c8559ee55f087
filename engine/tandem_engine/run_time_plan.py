"""The copy of a plan that JMeter runs: its load lasts as long as was asked, and its clean-up gets its time on a stop.

What is changed: the main ThreadGroups get scheduler and duration and loop for ever, groups of plug-ins and the open
model are made to last, ``TestPlan.tearDown_on_shutdown`` is set, and paths of files that go along become their names.
Set-up and tear-down groups, and every other byte, stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

from tandem_engine.execution_request import ExecutionRequest, FileBeside
from tandem_engine.group_lengths import CONTROLLER, ENDLESS_CONTROLLER, made_to_last, start_delay
from tandem_engine.plan import PlanNode, PlanOutline, read_outline
from tandem_engine.plan_edits import (
    Edit,
    amount,
    apply_edits,
    flag_property,
    seconds_text,
    set_properties,
    string_property,
)

THREAD_GROUP: Final = "ThreadGroup"
# The engine ends the load, to the second, counting from its first sample. JMeter's own scheduler comes later: it counts
# from the group's start, and it ends a thread early whose pause would reach beyond its end.
SCHEDULER_MARGIN: Final = 60
_SCHEDULER: Final = "ThreadGroup.scheduler"
_DURATION: Final = "ThreadGroup.duration"
_DELAY: Final = "ThreadGroup.delay"
_TEAR_DOWN_ON_SHUTDOWN: Final = "TestPlan.tearDown_on_shutdown"


@dataclass(slots=True)
class RunTimePlan:
    """``start_delay``: seconds for which, by the plan itself, no main group sends. ``notes``: what was overridden."""

    content: bytes
    start_delay: float = 0
    notes: list[str] = field(default_factory=list)


def make_run_time_plan(content: bytes, request: ExecutionRequest) -> RunTimePlan:
    """Raises NotATestPlan."""
    outline = read_outline(content)
    edits = [] if outline.head is None else _head_edits(outline.head)
    plan = RunTimePlan(content)
    if request.duration is not None:
        edits += _LastingLoad(outline, request, plan).edits()
    plan.content = _with_names(apply_edits(content, edits), request.files)
    return plan


def _head_edits(head: PlanNode) -> list[Edit]:
    return set_properties(head, {_TEAR_DOWN_ON_SHUTDOWN: flag_property(_TEAR_DOWN_ON_SHUTDOWN, True)})


def _with_names(content: bytes, files: Sequence[FileBeside]) -> bytes:
    """A property that is the path of an uploaded file names the file that lies beside the plan instead."""
    for file in files:
        content = content.replace(f">{escape(file.path)}<".encode(), f">{escape(file.name)}<".encode())
    return content


class _LastingLoad:
    """What makes the load of one plan last; fills in ``start_delay`` and ``notes`` of the run-time plan."""

    def __init__(self, outline: PlanOutline, request: ExecutionRequest, plan: RunTimePlan) -> None:
        assert request.duration is not None  # noqa: S101 - for the type checker
        self._outline = outline
        self._duration = request.duration
        self._respect_loops = request.respect_loops
        self._properties = request.plan_properties
        self._plan = plan

    def edits(self) -> list[Edit]:
        groups = self._outline.main_groups
        delays = {id(group): self._delay(group) for group in groups}
        known = [0.0 if delay is None else delay for delay, _ in delays.values()]
        # One after the other the first group's delay alone holds up the load.
        first = (known[0] if self._serialised else min(known)) if known else 0.0
        self._plan.start_delay = first
        own = [group for group in groups if group.kind == THREAD_GROUP]
        edits: list[Edit] = []
        for group in groups:
            delay, delay_text = delays[id(group)]
            if group.kind == THREAD_GROUP:
                length = self._share(group, own) - self._late(delay, first)
                edits += self._scheduled(group, length, delay_text)
            elif not self._respect_loops:
                length = self._duration - self._late(delay, first)
                edits += made_to_last(group, length, self._properties)
        return edits

    def _late(self, delay: float | None, first: float) -> float:
        """How many seconds after the load's first sample, or after its turn has come, a group begins to send."""
        return delay or 0 if self._serialised else max(0, (delay or 0) - first)

    @property
    def _serialised(self) -> bool:
        head = self._outline.head
        return head is not None and head.value("TestPlan.serialize_threadgroups") == "true"

    def _share(self, group: PlanNode, own: list[PlanNode]) -> float:
        """For how long a group runs from its start on: to the load's end or, of groups that run one after another, for
        an equal part of it each, because else the first would be the only one.
        """
        if not self._serialised or self._respect_loops or group is own[-1]:
            return self._duration + SCHEDULER_MARGIN
        return max(1, self._duration / len(own))

    def _delay(self, group: PlanNode) -> tuple[float | None, str]:
        """A group's own start delay in seconds (None: JMeter alone knows it), and as it is to stand in the copy."""
        if group.kind != THREAD_GROUP:
            return start_delay(group, self._properties), ""
        text = group.value(_DELAY) or ""
        scheduled = (group.value(_SCHEDULER) or "false").lower() != "false"
        if not scheduled or not text:
            return 0, "0"
        seconds = amount(text, self._properties)
        if seconds is None or seconds < self._duration:
            return seconds, text
        name = group.attributes.get("testname", "")
        self._plan.notes.append(
            f"thread group {name}: its start delay of {seconds_text(seconds)} s is left out: the load ends before"
        )
        return 0, "0"

    def _scheduled(self, group: PlanNode, seconds: float, delay: str) -> list[Edit]:
        wanted: Mapping[str, bytes] = {
            _SCHEDULER: flag_property(_SCHEDULER, True),
            _DURATION: string_property(_DURATION, seconds_text(max(1, round(seconds)))),
            _DELAY: string_property(_DELAY, delay),
        }
        if not self._respect_loops:
            wanted = {**wanted, CONTROLLER: ENDLESS_CONTROLLER}
        return set_properties(group, wanted)
