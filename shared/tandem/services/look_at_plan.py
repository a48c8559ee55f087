"""Judge a plan that nobody uses yet, as it comes in."""

from collections.abc import Iterable

from tandem.domain.engine_capabilities import CapabilitiesOfEngines
from tandem.domain.errors import InvalidTestPlan
from tandem.domain.plan_facts import PlanReader
from tandem.domain.preflight import Engines, judge
from tandem.domain.preflight_policy import PreflightPolicy
from tandem.domain.preflight_report import PreflightReport, TestPlanDenied


class LookAtPlan:
    def __init__(self, read_plan: PlanReader, policy: PreflightPolicy, capabilities: CapabilitiesOfEngines) -> None:
        self._read_plan = read_plan
        self._policy = policy
        self._capabilities = capabilities

    def __call__(self, content: Iterable[bytes], field: str) -> PreflightReport:
        """The report. Raises InvalidTestPlan and TestPlanDenied, both naming the field, and TooLarge."""
        try:
            facts = self._read_plan(content)
        except InvalidTestPlan as refused:
            raise refused.at(field) from refused
        report = judge(facts, self._policy, engines=Engines(self._capabilities.by_engine()))
        if report.denials:
            raise TestPlanDenied(field, report.denials)
        return report
