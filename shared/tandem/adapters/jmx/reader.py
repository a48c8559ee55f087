"""Reads a test plan once, as it streams by, and keeps only the facts that somebody will judge."""

from collections.abc import Iterable

from tandem.adapters.jmx.fact_collector import KEPT_VALUES, FactCollector
from tandem.adapters.jmx.plan_tree import PlanTreeHandler
from tandem.adapters.jmx.xml_stream import parse_plan_xml
from tandem.domain.plan_facts import PlanFacts, ReadLimits

DEFAULT_LIMITS = ReadLimits()


def read_plan(chunks: Iterable[bytes], limits: ReadLimits = DEFAULT_LIMITS) -> PlanFacts:
    """Return the facts of a plan; raises InvalidTestPlan naming what and where, or TooLarge."""
    collector = FactCollector(limits)
    handler = PlanTreeHandler(limits, KEPT_VALUES, collector)
    parse_plan_xml(chunks, limits, handler)
    handler.check_complete()
    return collector.facts()
