"""What a definition with ``entry = URL`` asks for: one HTTP request, repeated by a thread group.

A ``UrlPlan`` that exists is valid: every fault of its fields is told at once when it is made.
"""

import re
from dataclasses import dataclass
from typing import Final, Protocol

from tandem.domain.definition import UrlCase, endpoint_properties
from tandem.domain.errors import FieldFault, InvalidValue
from tandem.domain.target import canonical_host
from tandem.domain.xml_characters import first_illegal_character

HTTP_METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE")
# JMeter's HttpClient sends a body with these; for the others it would drop the body without a word.
METHODS_WITH_BODY: Final = ("GET", "POST", "PUT", "DELETE", "PATCH")
# JMeter works these out for itself and leaves the user's value aside.
_HEADERS_OF_THE_TRANSPORT: Final = ("content-length", "transfer-encoding", "connection")
# https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What JMeter's HttpClient writes as it stands; it puts a question mark in place of any other character.
_HEADER_VALUE = re.compile("[\t\u0020-\u007e\u00a0-\u00ff]*")


@dataclass(frozen=True, slots=True)
class UrlPlan:
    """One request, repeated, with the shape of its load.

    ``endpoint`` is http(s)://host[:port][/path]; its path goes before that of the request.
    ``loops`` None or -1 means until the duration ends. Seconds for ``ramp_up_sec`` and ``duration_sec``, milliseconds
    for the timeouts (0: none). Raises InvalidValue naming every wrong field.
    """

    name: str
    endpoint: str
    case: UrlCase
    threads: int = 1
    ramp_up_sec: int = 0
    loops: int | None = None
    duration_sec: int = 60
    keep_alive: bool = True
    connect_timeout_ms: int = 10_000
    response_timeout_ms: int = 60_000

    def __post_init__(self) -> None:
        faults = [
            *_text_faults(self),
            *_endpoint_faults(self.endpoint),
            *_request_faults(self.case),
            *_shape_faults(self),
        ]
        if faults:
            raise InvalidValue("The URL case cannot be written as a test plan.", faults)


class UrlPlanWriter(Protocol):
    """Writes a plan that JMeter opens and runs as it is."""

    def __call__(self, plan: UrlPlan) -> bytes: ...


def _text_faults(plan: UrlPlan) -> list[FieldFault]:
    texts = [("name", plan.name), ("urlCase.path", plan.case.path), ("urlCase.body", plan.case.body or "")]
    return [
        FieldFault(field, f"contains the character {illegal}, which an XML test plan cannot hold")
        for field, text in texts
        if (illegal := first_illegal_character(text)) is not None
    ]


def _endpoint_faults(endpoint: str) -> list[FieldFault]:
    try:
        host = canonical_host(endpoint_properties(endpoint)["host"])
    except ValueError as exc:
        return [FieldFault("endpoint", str(exc))]
    if host is None or re.search(r"[\s\\]", endpoint) or first_illegal_character(endpoint) is not None:
        return [FieldFault("endpoint", "must be http(s)://host[:port][/path] with a host name or an address")]
    return []


def _request_faults(case: UrlCase) -> list[FieldFault]:
    faults: list[FieldFault] = []
    if case.method not in HTTP_METHODS:
        faults.append(FieldFault("urlCase.method", f"must be one of {', '.join(HTTP_METHODS)}"))
    elif case.body and case.method not in METHODS_WITH_BODY:
        allowed = ", ".join(METHODS_WITH_BODY)
        faults.append(
            FieldFault("urlCase.body", f"must be empty for {case.method}: JMeter sends a body with {allowed}")
        )
    if case.path and not case.path.startswith("/"):
        faults.append(FieldFault("urlCase.path", "must begin with /: the host comes from the endpoint"))
    if "#" in case.path:
        faults.append(
            FieldFault("urlCase.path", "must not hold a fragment (#): it is never sent; write %23 for the character")
        )
    for name, value in case.headers.items():
        faults.extend(_header_faults(name, value))
    return faults


def _header_faults(name: str, value: str) -> list[FieldFault]:
    field = "urlCase.headers"
    if not _TOKEN.fullmatch(name):
        return [FieldFault(field, f"{name!r} is no header name: letters, digits and !#$%&'*+.^_`|~- are allowed")]
    if name.lower() in _HEADERS_OF_THE_TRANSPORT:
        return [FieldFault(field, f"{name} is set by JMeter itself and cannot be given")]
    if not _HEADER_VALUE.fullmatch(value):
        return [
            FieldFault(
                field, f"the value of {name} must be one line of printable Latin-1: JMeter can send no other character"
            )
        ]
    if value != value.strip():
        return [
            FieldFault(field, f"the value of {name} must not begin or end with white space: HTTP does not carry it")
        ]
    return []


def _shape_faults(plan: UrlPlan) -> list[FieldFault]:
    least = [
        ("threads", plan.threads, 1),
        ("rampUp", plan.ramp_up_sec, 0),
        ("trafficDurationSec", plan.duration_sec, 1),
        ("connectTimeoutMs", plan.connect_timeout_ms, 0),
        ("responseTimeoutMs", plan.response_timeout_ms, 0),
    ]
    faults = [FieldFault(field, f"must be {floor} or more") for field, value, floor in least if value < floor]
    if plan.loops is not None and plan.loops != -1 and plan.loops < 1:
        faults.append(FieldFault("loops", "must be 1 or more, or -1 or null for until the duration ends"))
    return faults
