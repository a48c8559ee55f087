"""Judge a plan that nobody uses yet, as it comes in."""

from collections.abc import Iterable, Mapping

from tandem.domain.engine_capabilities import CapabilitiesOfEngines
from tandem.domain.errors import InvalidTestPlan
from tandem.domain.file_name import has_plan_extension
from tandem.domain.plan_facts import PlanReader
from tandem.domain.preflight import Engines, judge
from tandem.domain.preflight_policy import PreflightPolicy
from tandem.domain.preflight_report import PreflightReport, TestPlanDenied


class LookAtPlan:
    def __init__(self, read_plan: PlanReader, policy: PreflightPolicy, capabilities: CapabilitiesOfEngines) -> None:
        self._read_plan = read_plan
        self._policy = policy
        self._capabilities = capabilities

    def __call__(
        self, content: Iterable[bytes], field: str, beside: Mapping[str, bytes] | None = None
    ) -> PreflightReport:
        """The report. ``beside``: the files that came with the plan, by their names.

        Raises InvalidTestPlan and TestPlanDenied, both naming the field, and TooLarge.
        """
        files = beside or {}
        try:
            facts = self._read_plan(content)
            for fragment in (file for name, file in files.items() if has_plan_extension(name)):
                facts = facts.including(self._read_plan([fragment], fragment=True))
        except InvalidTestPlan as refused:
            raise refused.at(field) from refused
        engines = Engines(self._capabilities.by_engine())
        report = judge(facts, self._policy, data_files=files, engines=engines)
        if report.denials:
            raise TestPlanDenied(field, report.denials)
        return report
