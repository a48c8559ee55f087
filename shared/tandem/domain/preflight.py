"""Judges the facts of a test plan by a policy: what would be surprising, unwanted or forbidden when it runs.

This is a policy and no sandbox: a plan that may run code can do, while it runs, what no reading foretells.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tandem.domain.engine_capabilities import (
    EngineCapabilities,
    engines_without_element,
    engines_without_function,
)
from tandem.domain.jmeter_properties import OF_EVERY_RUN, is_jmeters_own
from tandem.domain.plan_facts import PlanFacts
from tandem.domain.preflight_case import SHOWN, Case, LoadShape
from tandem.domain.preflight_files import judge_files
from tandem.domain.preflight_load import heap_findings, judge_load
from tandem.domain.preflight_policy import PreflightPolicy
from tandem.domain.preflight_report import Finding, FindingCode, PreflightReport, Severity
from tandem.domain.preflight_targets import judge_targets

MAX_FINDINGS_OF_A_CODE = 100
# Properties of JMeter's own that name scripts, jars or classes which it then runs (bin/jmeter.properties).
_CODE_PROPERTIES = frozenset(
    {
        "groovy.utilities",
        "jsr223.init.file",
        "search_paths",
        "user.classpath",
        "plugin_dependency_paths",
        "saveservice_properties",
        "upgrade_properties",
    }
)


@dataclass(frozen=True, slots=True)
class Engines:
    """What the engines that may run a plan can load, by name, as they say; ``starts``: the load would begin now."""

    can: Mapping[str, EngineCapabilities | None] = field(default_factory=dict)
    starts: bool = False

    @property
    def told(self) -> bool:
        """Whether every one of them says what it can load."""
        return bool(self.can) and all(each is not None and each.elements is not None for each in self.can.values())


NO_ENGINES = Engines()


def judge(
    facts: PlanFacts,
    policy: PreflightPolicy,
    properties: Mapping[str, str] | None = None,
    endpoint: str | None = None,
    data_files: Collection[str] = (),
    shape: LoadShape | None = None,
    engines: Engines = NO_ENGINES,
) -> PreflightReport:
    """Return the report on a plan.

    ``properties`` are those that reach the plan, the endpoint's parts among them; None when no definition uses the plan
    yet, and then what depends on properties is a warning at most. ``data_files`` are the names of the data files given,
    ``shape`` the load that is asked for, ``engines`` what those that may run it can load.
    """
    case = Case(facts, policy, properties, endpoint, data_files, shape)
    _judge_code(case)
    _judge_properties(case)
    judge_targets(case)
    judge_load(case)
    judge_files(case)
    _judge_engines(case, engines)
    _note_the_rest(case, engines)
    return PreflightReport(tuple(_shortened(case.found)))


def judge_unread(content_ref: str, policy: PreflightPolicy, shape: LoadShape) -> PreflightReport:
    """The report on a plan that lies on the engine, where it cannot be read from here."""
    found: list[Finding] = []
    if policy.wants_to_read:
        message = f"The plan {content_ref[:SHOWN]} lies on the engine and cannot be read; upload it to have it judged."
        values = (("file", content_ref[:SHOWN]),)
        found.append(Finding(FindingCode.PLAN_NOT_READABLE, Severity.DENY, "contentRef", "", message, values))
    if policy.max_threads is not None and shape.threads > policy.max_threads:
        message = f"The definition has {shape.threads} threads; {policy.max_threads} are allowed."
        values_of = (("threads", shape.threads), ("allowed", policy.max_threads))
        found.append(Finding(FindingCode.TOO_MANY_THREADS, Severity.DENY, "threads", "", message, values_of))
    found.extend(heap_findings(policy, shape))
    return PreflightReport(tuple(found))


def _judge_code(case: Case) -> None:
    for fact in case.facts.code:
        if case.runs(fact.element):
            code = FindingCode.CODE_ELEMENT if fact.function is None else FindingCode.CODE_FUNCTION
            message = f"{fact.what} (line {fact.element.line})."
            case.add(code, case.code_severity, fact.element, message, what=fact.what, line=fact.element.line)
    for odd in case.facts.odd:
        message = f"JMeter may take this for something else than it seems: {odd.what} (line {odd.element.line})."
        line = odd.element.line
        case.add(FindingCode.ODD_STRUCTURE, case.code_severity, odd.element, message, what=odd.what, line=line)
    for unlisted in case.facts.unlisted if case.denies_code else ():
        if case.runs(unlisted.element):
            message = f"{_capitalised(unlisted.what)} is not among what is known to run no code."
            case.add(FindingCode.NOT_ALLOWED, Severity.DENY, unlisted.element, message, what=unlisted.what)


def _judge_properties(case: Case) -> None:
    for name in case.properties or ():
        if name in _CODE_PROPERTIES or name.startswith("beanshell."):
            message = "This property makes JMeter load code from the engine's files."
            case.found.append(_of_property(FindingCode.CODE_PROPERTY, case.code_severity, name, message))
        elif case.denies_code and name not in OF_EVERY_RUN:
            if is_jmeters_own(name):
                message = "This property is JMeter's own; a definition sets only those that its plan asks for."
                case.found.append(_of_property(FindingCode.NOT_ALLOWED, Severity.DENY, name, message))
            elif name not in case.facts.properties_read:
                message = "The plan does not ask for this property (${__P(name)})."
                case.found.append(_of_property(FindingCode.NOT_ALLOWED, Severity.DENY, name, message))


def _of_property(code: FindingCode, severity: Severity, name: str, message: str) -> Finding:
    return Finding(code, severity, name, "", message, (("what", f"the property {name}"),))


def _judge_engines(case: Case, engines: Engines) -> None:
    for used in case.facts.used:
        if used.is_function and not case.runs(used.element):
            continue
        lacking = (engines_without_function if used.is_function else engines_without_element)(used.what, engines.can)
        if not lacking:
            continue
        listed = ", ".join(lacking[:5]) + (" and others" if len(lacking) > 5 else "")
        message = f"{used.what[:SHOWN]} is not on the engine {listed}, which therefore cannot run the plan."
        if used.is_function:
            message = f"{used.what[:SHOWN]} is not on the engine {listed}, which would send the text as it stands."
        # Another engine may take the load; only where none can, the run is known to fail.
        severity = Severity.DENY if engines.starts and len(lacking) == len(engines.can) else Severity.WARN
        case.add(FindingCode.NOT_ON_ENGINE, severity, used.element, message, what=used.what[:SHOWN], engines=listed)


def _note_the_rest(case: Case, engines: Engines) -> None:
    for secret in case.facts.secrets:
        if case.runs(secret.element):
            message = (
                f"{_capitalised(secret.what)} is written out in the plan, which is stored and sent to engines. "
                "Take it from a property or a data file."
            )
            case.add(FindingCode.SECRET_IN_PLAN, Severity.WARN, secret.element, message, what=secret.what)
    # Engines that say what they have need no guess.
    for fact in () if engines.told else case.facts.plugins:
        if case.runs(fact.element):
            message = f"{fact.what} is not part of a plain JMeter: the engine needs its plug-in."
            case.add(FindingCode.PLUGIN_ELEMENT, Severity.WARN, fact.element, message, what=fact.what[:SHOWN])
    for element in case.facts.disabled:
        message = "It is disabled and does not run, nor does anything below it."
        if case.facts.disabled_may_run:
            message = "It is disabled, but a Module Controller may still run parts of it, so it was judged."
        reached = str(case.facts.disabled_may_run).lower()
        case.add(FindingCode.DISABLED_PART, Severity.OK, element, message, reached=reached)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shortened(findings: Iterable[Finding]) -> list[Finding]:
    """Keep the first findings of each code, the gravest first, and say how many more there are."""
    by_code: dict[FindingCode, list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        by_code.setdefault(finding.code, []).append(finding)
    order = list(Severity)
    kept: list[Finding] = []
    for code, alike in by_code.items():
        alike.sort(key=lambda finding: -order.index(finding.severity))
        kept.extend(alike[:MAX_FINDINGS_OF_A_CODE])
        rest = alike[MAX_FINDINGS_OF_A_CODE:]
        if rest:
            message = f"{len(rest)} more findings of this kind."
            kept.append(Finding(code, rest[0].severity, "", "", message, (("more", len(rest)),)))
    return kept
