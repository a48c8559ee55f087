"""Reads a test plan once, as it streams by, and keeps only the facts that somebody will judge."""

from collections.abc import Iterable

from tandem.adapters.jmx.fact_collector import KEPT_VALUES, FactCollector
from tandem.adapters.jmx.plan_tree import PlanTreeHandler
from tandem.adapters.jmx.xml_stream import parse_plan_xml
from tandem.domain.plan_facts import PlanFacts, ReadLimits

DEFAULT_LIMITS = ReadLimits()


def read_plan(chunks: Iterable[bytes], limits: ReadLimits = DEFAULT_LIMITS, *, fragment: bool = False) -> PlanFacts:
    """Return the facts of a plan; raises InvalidTestPlan naming what and where, or TooLarge.

    ``fragment``: the file is for an Include Controller, which needs no thread group.
    """
    collector = FactCollector(limits)
    handler = PlanTreeHandler(limits, KEPT_VALUES, collector, fragment=fragment)
    parse_plan_xml(chunks, limits, handler)
    handler.check_complete()
    return collector.facts()
