"""Making each kind of main thread group last: what is to be changed in it so that it still sends at the end.

A group that lasts longer is not shortened here, but for an open model: the engine ends the load at its duration.
"""

import math
from collections.abc import Mapping
from typing import Final

from tandem_engine.open_model import lasting_schedule
from tandem_engine.plan import PlanNode
from tandem_engine.plan_edits import (
    Edit,
    amount,
    flag_property,
    seconds_text,
    set_properties,
    string_property,
)

OPEN_MODEL: Final = "openmodel.OpenModelThreadGroup"
ULTIMATE: Final = "kg.apc.jmeter.threads.UltimateThreadGroup"
STEPPING: Final = "kg.apc.jmeter.threads.SteppingThreadGroup"
LEVELLED: Final = frozenset(
    {
        "com.blazemeter.jmeter.threads.concurrency.ConcurrencyThreadGroup",
        "com.blazemeter.jmeter.threads.arrivals.ArrivalsThreadGroup",
    }
)
SCHEDULE: Final = "OpenModelThreadGroup.schedule"
CONTROLLER: Final = "ThreadGroup.main_controller"

_FOR_EVER: Final = (
    f'<elementProp name="{CONTROLLER}" elementType="LoopController" guiclass="LoopControlPanel" '
    'testclass="LoopController">'
).encode() + flag_property("LoopController.continue_forever", False)
ENDLESS_CONTROLLER: Final = _FOR_EVER + string_property("LoopController.loops", "-1") + b"</elementProp>"


def made_to_last(group: PlanNode, seconds: float, properties: Mapping[str, str]) -> list[Edit]:
    """The edits with which a group of a kind other than ThreadGroup sends for so long, from its first thread on.

    Nothing for a kind that is not known here, and where the plan's own figures are known to JMeter alone.
    """
    kind = group.kind
    if kind == OPEN_MODEL:
        return _schedule(group, seconds, properties)
    if kind == ULTIMATE:
        return _ultimate(group, seconds, properties) + _endless(group)
    if kind == STEPPING:
        return _stepping(group, seconds, properties) + _endless(group)
    if kind in LEVELLED:
        return _levelled(group, seconds, properties)
    return []


def start_delay(group: PlanNode, properties: Mapping[str, str]) -> float:
    """After how many seconds a plug-in's group starts its first thread; 0 where that is not known."""
    if group.kind == ULTIMATE:
        delays = [amount(row[1].text, properties) for row in _rows(group)]
        return min((delay for delay in delays if delay is not None), default=0)
    if group.kind == STEPPING:
        return amount(group.value("Threads initial delay"), properties) or 0
    return 0


def _endless(group: PlanNode) -> list[Edit]:
    """No loop count of its own ends it."""
    return set_properties(group, {CONTROLLER: ENDLESS_CONTROLLER}) if group.named(CONTROLLER) else []


def _replaced_text(node: PlanNode, text: str) -> list[Edit]:
    return [] if node.is_empty_tag else [Edit(node.inner, node.inner_end, text.encode())]


def _rows(group: PlanNode) -> list[list[PlanNode]]:
    """The table of an Ultimate Thread Group: threads, initial delay, startup, hold, shutdown (seconds)."""
    tables = group.named("ultimatethreadgroupdata")
    return [row.children for row in tables[-1].children if len(row.children) >= 5] if tables else []


def _ultimate(group: PlanNode, seconds: float, properties: Mapping[str, str]) -> list[Edit]:
    """The rows that end last hold for longer, so that the profile keeps its shape."""
    rows = _rows(group)
    times = [[amount(cell.text, properties) for cell in row[1:5]] for row in rows]
    known = [[time for time in row if time is not None] for row in times]
    if not rows or any(len(row) < 4 for row in known):
        return []
    last_end = max(sum(row) for row in known)
    missing = math.ceil(seconds - (last_end - min(row[0] for row in known)))
    if missing <= 0:
        return []
    edits: list[Edit] = []
    for cells, row in zip(rows, known, strict=True):
        if sum(row) == last_end:
            edits += _replaced_text(cells[3], seconds_text(row[2] + missing))
    return edits


def _stepping(group: PlanNode, seconds: float, properties: Mapping[str, str]) -> list[Edit]:
    """It flies for longer after its last step."""
    flight = amount(group.value("flighttime"), properties)
    if flight is None:
        return set_properties(group, {"flighttime": string_property("flighttime", seconds_text(math.ceil(seconds)))})
    missing = math.ceil(seconds - _stepping_length(group, flight, properties))
    if missing <= 0:
        return []
    return set_properties(group, {"flighttime": string_property("flighttime", seconds_text(flight + missing))})


def _stepping_length(group: PlanNode, flight: float, properties: Mapping[str, str]) -> float:
    """From the first thread's start to the last one's end, as SteppingThreadGroup schedules them; what is not known
    counts as 0, so that the load is rather too long.
    """

    def value(name: str) -> float:
        return amount(group.value(name), properties) or 0

    threads = value("ThreadGroup.num_threads")
    step = value("Start users count") or threads
    burst = min(value("Start users count burst"), threads) or step
    if threads <= 0 or step <= 0:
        return flight
    steps = math.ceil(max(0, threads - burst) / step)
    down = value("Stop users count") or threads
    descent = value("Stop users period") * math.floor((threads - 1) / down)
    return steps * (value("Start users period") + value("rampUp")) + flight + descent


def _levelled(group: PlanNode, seconds: float, properties: Mapping[str, str]) -> list[Edit]:
    """Concurrency and Arrivals Thread Group: they hold their level for longer, and no iteration limit ends them."""
    unit = 1 if (group.value("Unit") or "").upper() == "S" else 60
    ramp_up = amount(group.value("RampUp"), properties) or 0
    hold = amount(group.value("Hold"), properties)
    wanted = {"Iterations": string_property("Iterations", "")}
    missing = math.ceil(seconds - (ramp_up + (hold or 0)) * unit)
    if missing > 0:
        wanted["Hold"] = string_property("Hold", seconds_text((hold or 0) + missing / unit))
    return set_properties(group, wanted)


def _schedule(group: PlanNode, seconds: float, properties: Mapping[str, str]) -> list[Edit]:
    """It sends for exactly so long: the engine's stop would cut what is in flight."""
    written = group.value(SCHEDULE)
    if not written:
        return []
    return set_properties(group, {SCHEDULE: string_property(SCHEDULE, lasting_schedule(written, seconds, properties))})
