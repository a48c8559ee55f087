"""Judges the facts of a test plan by a policy: what would be surprising, unwanted or forbidden when it runs.

This is a policy and no sandbox: a plan that may run code can do, while it runs, what no reading foretells.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tandem.domain.definition import endpoint_properties
from tandem.domain.plan_expressions import Surroundings, data_file_name, resolve
from tandem.domain.plan_facts import FileUse, PlanElement, PlanFacts, TargetFact, ThreadGroupFact
from tandem.domain.preflight_policy import CodePolicy, PreflightPolicy
from tandem.domain.preflight_report import Finding, FindingCode, PreflightReport, Severity
from tandem.domain.target import canonical_host

MAX_FINDINGS_OF_A_CODE = 100
# Properties of JMeter's own that name scripts or jars which it then runs (bin/jmeter.properties).
_CODE_PROPERTIES = frozenset(
    {
        "groovy.utilities",
        "jsr223.init.file",
        "search_paths",
        "user.classpath",
        "plugin_dependency_paths",
    }
)


def judge(
    facts: PlanFacts,
    policy: PreflightPolicy,
    properties: Mapping[str, str] | None = None,
    endpoint: str | None = None,
    data_files: Collection[str] = (),
) -> PreflightReport:
    """Return the report on a plan.

    ``properties`` are those that reach the plan, the endpoint's parts among them; None when no definition uses the plan
    yet, and then what depends on properties is a warning at most. ``data_files`` are the names of the data files given.
    """
    judgement = _Judgement(facts, policy, properties, endpoint, data_files)
    return PreflightReport(tuple(_shortened(judgement.findings())))


_SEVERITY_OF_CODE = {CodePolicy.ALLOW: Severity.OK, CodePolicy.WARN: Severity.WARN, CodePolicy.DENY: Severity.DENY}


@dataclass(slots=True)
class _Judgement:
    facts: PlanFacts
    policy: PreflightPolicy
    properties: Mapping[str, str] | None
    endpoint: str | None
    data_files: Collection[str]
    found: list[Finding] = field(default_factory=list)

    def findings(self) -> list[Finding]:
        self._judge_code()
        self._judge_endpoint()
        for target in self.facts.targets:
            if self._runs(target.element):
                self._judge_target(target)
        self._judge_load()
        self._judge_files()
        self._note_the_rest()
        return self.found

    @property
    def _surroundings(self) -> Surroundings:
        facts = self.facts
        return Surroundings(
            self.properties, facts.variables, facts.changing, facts.changing_properties, facts.any_may_change
        )

    def _runs(self, element: PlanElement) -> bool:
        """Say whether an element may run; a Module Controller can reach into disabled parts."""
        return element.enabled or self.facts.disabled_may_run

    def _add(self, code: FindingCode, severity: Severity, element: PlanElement, message: str) -> None:
        self.found.append(Finding(code, severity, element.name or element.kind, element.path, message))

    def _when_forbidden(self, forbidden: bool) -> Severity:
        return Severity.DENY if forbidden and self.properties is not None else Severity.WARN

    def _judge_code(self) -> None:
        severity = _SEVERITY_OF_CODE[self.policy.code]
        for fact in self.facts.code:
            if self._runs(fact.element):
                code = FindingCode.CODE_ELEMENT if fact.function is None else FindingCode.CODE_FUNCTION
                self._add(code, severity, fact.element, f"{fact.what} (line {fact.element.line}).")
        for name in self.properties or ():
            if name in _CODE_PROPERTIES or name.startswith("beanshell."):
                message = "This property makes JMeter load code from the engine's files."
                self.found.append(Finding(FindingCode.CODE_PROPERTY, severity, name, "", message))

    def _judge_endpoint(self) -> None:
        if self.endpoint is None or self.policy.targets is None:
            return
        host = self._endpoint_host()
        if host is None or not self.policy.targets.allows(host):
            message = f"The endpoint's host {host or self.endpoint!r} is not on the list of allowed targets."
            self.found.append(Finding(FindingCode.TARGET_NOT_ALLOWED, Severity.DENY, "endpoint", "", message))

    def _endpoint_host(self) -> str | None:
        if self.endpoint is None:
            return None
        try:
            return canonical_host(endpoint_properties(self.endpoint)["host"])
        except ValueError:
            return None

    def _judge_target(self, target: TargetFact) -> None:
        if target.host is None:
            if self.policy.targets is not None or self.endpoint is not None:
                message = f"Whom {target.element.kind} calls cannot be read from the plan."
                self._add(
                    FindingCode.TARGET_UNKNOWN,
                    self._when_forbidden(self.policy.targets is not None),
                    target.element,
                    message,
                )
            return
        path = resolve(target.path, self._surroundings)
        if _may_be_a_url(path.known_start, path.known):
            if path.known:
                self._judge_host(target, _host_of_url(path.text), path.text)
                return
            self._unknown_target(target, target.path, path.unknown)
        host = resolve(target.host, self._surroundings)
        if host.known:
            self._judge_host(target, canonical_host(host.text), host.text)
        else:
            self._unknown_target(target, target.host, host.unknown)

    def _judge_host(self, target: TargetFact, host: str | None, written: str) -> None:
        shown = repr(written[:200]) if written.strip() else "no host"
        calls = f"{target.count} elements like this one call" if target.count > 1 else "It calls"
        if self.policy.targets is not None:
            if host is None or not self.policy.targets.allows(host):
                self._add(
                    FindingCode.TARGET_NOT_ALLOWED,
                    Severity.DENY,
                    target.element,
                    f"{calls} {shown}, which is not on the list of allowed targets.",
                )
        elif self.endpoint is not None and host != self._endpoint_host():
            self._add(
                FindingCode.TARGET_DIFFERS,
                Severity.WARN,
                target.element,
                f"{calls} {shown}, while the definition's endpoint is {self._endpoint_host()!r}.",
            )

    def _unknown_target(self, target: TargetFact, written: str, unknown: tuple[str, ...]) -> None:
        if self.policy.targets is None and self.endpoint is None:
            return
        later = " It is judged when a definition gives its properties." if self.properties is None else ""
        self._add(
            FindingCode.TARGET_UNKNOWN,
            self._when_forbidden(self.policy.targets is not None),
            target.element,
            f"Whom it calls ({written[:200]}) is not known before the run: {_listed(unknown)}.{later}",
        )

    def _judge_load(self) -> None:
        groups = [group for group in self.facts.thread_groups if group.element.enabled]
        if not groups:
            first = self.facts.thread_groups[0].element if self.facts.thread_groups else PlanElement("", "", "", 0)
            self._add(
                FindingCode.NOTHING_ENABLED, Severity.WARN, first, "No thread group is enabled: nothing would run."
            )
        total = 0
        for group in groups:
            total += self._threads_of(group)
            self._judge_duration(group)
        limit = self.policy.max_threads
        if limit is not None and total > limit:
            message = f"The enabled thread groups have {total} threads together; {limit} are allowed."
            self._add(FindingCode.TOO_MANY_THREADS, Severity.DENY, groups[0].element, message)

    def _threads_of(self, group: ThreadGroupFact) -> int:
        number = self._number(group, group.threads, "its number of threads", self.policy.max_threads is not None)
        return 0 if number is None else number

    def _judge_duration(self, group: ThreadGroupFact) -> None:
        scheduler = resolve(group.scheduler, self._surroundings)
        if scheduler.known and scheduler.text.strip().lower() != "true":
            message = "It has no scheduler; the engine switches it on with the strategy's duration."
            if group.element.kind != "ThreadGroup":
                message = (
                    "It has no scheduler, and the engine sets none on a thread group of this kind: it ends by itself."
                )
            self._add(FindingCode.NO_SCHEDULER, Severity.WARN, group.element, message)
            return
        limit = self.policy.max_duration_sec
        duration = self._number(group, group.duration, "its duration", limit is not None)
        if limit is not None and duration is not None and duration > limit:
            message = f"It runs for {duration} s; {limit} s are allowed."
            self._add(FindingCode.TOO_LONG, Severity.DENY, group.element, message)

    def _number(self, group: ThreadGroupFact, expression: str | None, what: str, limited: bool) -> int | None:
        """Return the value; None with a finding when it is unknown."""
        value = resolve(expression or "", self._surroundings)
        text = value.text.strip()
        if expression is not None and value.known and text.removeprefix("-").isdecimal() and len(text) < 20:
            return int(text)
        shown = f"{expression[:200]!r}" if expression else "not given"
        if self.properties is None and not limited:
            # At the upload nothing is amiss: the shape of the load comes with the definition and its strategy.
            message = f"What {what} will be ({shown}) is known once a definition uses the plan."
            self._add(FindingCode.UNRESOLVED, Severity.OK, group.element, message)
            return None
        message = f"What {what} will be ({shown}) is not known before the run."
        self._add(FindingCode.UNRESOLVED, self._when_forbidden(limited), group.element, message)
        return None

    def _judge_files(self) -> None:
        strict = self.policy.targets is not None or self.policy.code is CodePolicy.DENY
        for fact in self.facts.files:
            if not self._runs(fact.element):
                continue
            if fact.use is FileUse.CSV_DATA:
                self._judge_data_file(fact.element, fact.file_name)
            elif fact.use is FileUse.PLAN:
                message = f"It runs the plan in {fact.file_name[:200]!r} on the engine, which was not judged."
                severity = Severity.DENY if strict else Severity.WARN
                self._add(FindingCode.EXTERNAL_PLAN, severity, fact.element, message)
            else:
                message = f"It {fact.use.value} {fact.file_name[:200]} on the engine."
                self._add(FindingCode.EXTERNAL_FILE, Severity.WARN, fact.element, message)

    def _judge_data_file(self, element: PlanElement, file_name: str) -> None:
        name = data_file_name(file_name)
        if name is None:
            message = (
                f"Its file ({file_name[:200] or 'none named'}) cannot be linked: the name itself is no plain text."
            )
            self._add(FindingCode.UNRESOLVED, Severity.WARN, element, message)
        elif name not in self.data_files:
            message = f"It reads {name[:200]!r}, which is not among the data files; the run needs it on the engine."
            self._add(FindingCode.DATA_FILE_MISSING, Severity.WARN, element, message)

    def _note_the_rest(self) -> None:
        for fact in self.facts.plugins:
            if self._runs(fact.element):
                message = f"{fact.what} is not part of a plain JMeter: the engine needs its plug-in."
                self._add(FindingCode.PLUGIN_ELEMENT, Severity.WARN, fact.element, message)
        reachable = (
            " a Module Controller may still run parts of it, so it was judged." if self.facts.disabled_may_run else ""
        )
        for element in self.facts.disabled:
            message = "It is disabled and does not run, nor does anything below it."
            self._add(
                FindingCode.DISABLED_PART,
                Severity.OK,
                element,
                f"It is disabled, but{reachable}" if reachable else message,
            )


def _may_be_a_url(start: str, whole: bool) -> bool:
    """Say whether a path that begins so can turn out to be a whole URL, which JMeter would then call."""
    text = start.lstrip().lower()
    if text.startswith(("http://", "https://")):
        return True
    return not whole and any(scheme.startswith(text) for scheme in ("http://", "https://"))


def _host_of_url(url: str) -> str | None:
    try:
        # A backslash ends the authority for some parsers and not for others.
        return None if "\\" in url else canonical_host(urlsplit(url.strip()).hostname or "")
    except ValueError:
        return None


def _listed(unknown: tuple[str, ...]) -> str:
    return ", ".join(part[:100] for part in unknown[:5]) + (" and others" if len(unknown) > 5 else "")


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
            kept.append(Finding(code, rest[0].severity, "", "", f"{len(rest)} more findings of this kind."))
    return kept
