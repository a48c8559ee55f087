"""What a plan is judged by, and how its findings are made; the rules themselves are in the modules beside this one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tandem.domain.plan_expressions import Resolved, Surroundings, resolve
from tandem.domain.plan_facts import PlanElement, PlanFacts
from tandem.domain.preflight_policy import CodePolicy, PreflightPolicy
from tandem.domain.preflight_report import Finding, FindingCode, Severity

SHOWN = 200
"""Of a text from a plan, as many characters as a finding repeats."""

_SEVERITY_OF_CODE = {CodePolicy.ALLOW: Severity.OK, CodePolicy.WARN: Severity.WARN, CodePolicy.DENY: Severity.DENY}


@dataclass(frozen=True, slots=True)
class LoadShape:
    """The load that is asked for. ``duration_sec`` and ``engines`` are a strategy's: a definition alone has neither.

    ``engines``: on how many the plan runs at the same time.
    """

    threads: int
    ramp_up_sec: int
    duration_sec: int | None = None
    engines: int = 1
    respect_loops: bool = False
    heap_size: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One plan before its judge; see ``preflight.judge`` for the fields."""

    facts: PlanFacts
    policy: PreflightPolicy
    properties: Mapping[str, str] | None
    endpoint: str | None
    data_files: Collection[str]
    shape: LoadShape | None
    found: list[Finding] = field(default_factory=list)

    @property
    def denies_code(self) -> bool:
        return self.policy.code is CodePolicy.DENY

    @property
    def code_severity(self) -> Severity:
        return _SEVERITY_OF_CODE[self.policy.code]

    def runs(self, element: PlanElement) -> bool:
        """Say whether an element may run; a Module Controller can reach into disabled parts."""
        return element.enabled or self.facts.disabled_may_run

    def resolve(self, expression: str) -> Resolved:
        facts = self.facts
        known = Surroundings(
            self.properties, facts.variables, facts.changing, facts.changing_properties, facts.any_may_change
        )
        return resolve(expression, known)

    def when_forbidden(self, forbidden: bool) -> Severity:
        """DENY, unless it depends on properties that nobody has given yet."""
        return Severity.DENY if forbidden and self.properties is not None else Severity.WARN

    def add(
        self,
        code: FindingCode,
        severity: Severity,
        element: PlanElement | None,
        message: str,
        /,
        **values: str | int,
    ) -> None:
        """Add a finding; ``element`` None: it is about the whole."""
        name, path = ("", "") if element is None else (element.name or element.kind, element.path)
        self.found.append(Finding(code, severity, name, path, message, tuple(values.items())))
