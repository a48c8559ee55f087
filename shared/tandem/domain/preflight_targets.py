"""Whom a plan calls: judged by the list of allowed targets, or compared with the definition's endpoint."""

from urllib.parse import urlsplit

from tandem.domain.definition import endpoint_properties
from tandem.domain.plan_facts import TargetFact
from tandem.domain.preflight_case import SHOWN, Case
from tandem.domain.preflight_report import Finding, FindingCode, Severity
from tandem.domain.target import canonical_host

_PORTS = {"": 80, "http": 80, "https": 443}


def judge_targets(case: Case) -> None:
    """Judge the endpoint itself, and everything that runs and calls somewhere."""
    _judge_endpoint(case)
    for target in case.facts.targets:
        if case.runs(target.element):
            _judge_protocol(case, target)
            _judge_target(case, target)


def _judge_endpoint(case: Case) -> None:
    if case.endpoint is None or case.policy.targets is None:
        return
    host = _endpoint(case)[0]
    if host is None or not case.policy.targets.allows(host):
        shown = host or case.endpoint
        message = f"The endpoint's host {shown!r} is not on the list of allowed targets."
        values = (("host", shown),)
        case.found.append(Finding(FindingCode.TARGET_NOT_ALLOWED, Severity.DENY, "endpoint", "", message, values))


def _endpoint(case: Case) -> tuple[str | None, int | None]:
    if case.endpoint is None:
        return None, None
    try:
        parts = endpoint_properties(case.endpoint)
        return canonical_host(parts["host"]), int(parts["port"])
    except ValueError:
        return None, None


def _judge_protocol(case: Case, target: TargetFact) -> None:
    """JMeter's HTTP sampler also reads files of the engine, by the protocol "file"."""
    protocol = case.resolve(target.protocol)
    text = protocol.text.strip().lower()
    if protocol.known and text in _PORTS:
        return
    if protocol.known:
        message = f"Its protocol is {text[:SHOWN]!r}: JMeter opens a file of the engine, or fails."
        severity = Severity.DENY if case.denies_code else Severity.WARN
        case.add(FindingCode.EXTERNAL_FILE, severity, target.element, message, protocol=text[:SHOWN])
    elif case.denies_code:
        message = f"Its protocol ({target.protocol[:SHOWN]}) is not known before the run."
        severity = case.when_forbidden(True)
        case.add(FindingCode.UNRESOLVED, severity, target.element, message, shown=target.protocol[:SHOWN])


def _judge_target(case: Case, target: TargetFact) -> None:
    if target.host is None:
        if case.policy.targets is not None or case.endpoint is not None:
            severity = case.when_forbidden(case.policy.targets is not None)
            message = f"Whom {target.element.kind} calls cannot be read from the plan."
            case.add(FindingCode.TARGET_UNKNOWN, severity, target.element, message, kind=target.element.kind)
        return
    path = case.resolve(target.path)
    if _may_be_a_url(path.known_start, path.known):
        if path.known:
            _judge_host(case, target, *_address_of_url(path.text))
            return
        _unknown_target(case, target, target.path, path.unknown)
    host = case.resolve(target.host)
    if host.known:
        _judge_host(case, target, canonical_host(host.text), host.text, _port_of(case, target))
    else:
        _unknown_target(case, target, target.host, host.unknown)


def _port_of(case: Case, target: TargetFact) -> int | None:
    """The port that a request goes to; None when it is not known, or the element is no HTTP request."""
    port, protocol = case.resolve(target.port), case.resolve(target.protocol)
    if not target.is_http or not port.known or not protocol.known:
        return None
    text = port.text.strip()
    if text.isdecimal() and len(text) <= 5:
        return int(text)
    return _PORTS.get(protocol.text.strip().lower()) if text == "" else None


def _judge_host(case: Case, target: TargetFact, host: str | None, written: str, port: int | None) -> None:
    shown = repr(written[:SHOWN]) if written.strip() else "no host"
    calls = f"{target.count} elements like this one call" if target.count > 1 else "It calls"
    endpoint_host, endpoint_port = _endpoint(case)
    values: dict[str, str | int] = {"host": written[:SHOWN], "count": target.count}
    if case.policy.targets is not None and (host is None or not case.policy.targets.allows(host)):
        message = f"{calls} {shown}, which is not on the list of allowed targets."
        case.add(FindingCode.TARGET_NOT_ALLOWED, Severity.DENY, target.element, message, **values)
    elif case.policy.targets is None and case.endpoint is not None and host != endpoint_host:
        message = f"{calls} {shown}, while the definition's endpoint is {endpoint_host!r}."
        values["endpoint"] = str(endpoint_host)
        case.add(FindingCode.TARGET_DIFFERS, Severity.WARN, target.element, message, **values)
    elif case.endpoint is not None and host == endpoint_host and port is not None and port != endpoint_port:
        message = f"{calls} port {port} of {shown}, while the definition's endpoint has port {endpoint_port}."
        values |= {"host": f"{written[:SHOWN]}:{port}", "endpoint": f"{endpoint_host}:{endpoint_port}"}
        case.add(FindingCode.TARGET_DIFFERS, Severity.WARN, target.element, message, **values)


def _unknown_target(case: Case, target: TargetFact, written: str, unknown: tuple[str, ...]) -> None:
    if case.policy.targets is None and case.endpoint is None:
        return
    later = " It is judged when a definition gives its properties." if case.properties is None else ""
    listed = ", ".join(part[:100] for part in unknown[:5]) + (" and others" if len(unknown) > 5 else "")
    case.add(
        FindingCode.TARGET_UNKNOWN,
        case.when_forbidden(case.policy.targets is not None),
        target.element,
        f"Whom it calls ({written[:SHOWN]}) is not known before the run: {listed}.{later}",
        host=written[:SHOWN],
    )


def _may_be_a_url(start: str, whole: bool) -> bool:
    """Say whether a path that begins so can turn out to be a whole URL, which JMeter would then call."""
    text = start.lstrip().lower()
    if text.startswith(("http://", "https://")):
        return True
    return not whole and any(scheme.startswith(text) for scheme in ("http://", "https://"))


def _address_of_url(url: str) -> tuple[str | None, str, int | None]:
    """The host, the host as a finding may show it (a URL can hold a password or a token), and the port."""
    try:
        parts = urlsplit(url.strip())
        shown = parts.hostname or ""
        # A backslash ends the authority for some parsers and not for others.
        host = None if "\\" in url else canonical_host(shown)
        return host, shown, parts.port or _PORTS.get(parts.scheme.lower())
    except ValueError:
        return None, "a URL that cannot be read", None
