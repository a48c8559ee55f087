"""What a preflight says of a test plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tandem.domain.errors import FieldFault, InvalidValue


class Severity(StrEnum):
    """OK is worth knowing and no more; WARN is let through; DENY refuses the plan."""

    OK = "OK"
    WARN = "WARN"
    DENY = "DENY"


class FindingCode(StrEnum):
    """Everything that a preflight can say; docs/preflight.md explains each."""

    CODE_ELEMENT = "CODE_ELEMENT"
    CODE_FUNCTION = "CODE_FUNCTION"
    CODE_PROPERTY = "CODE_PROPERTY"
    NOT_ALLOWED = "NOT_ALLOWED"
    ODD_STRUCTURE = "ODD_STRUCTURE"
    PLAN_NOT_READABLE = "PLAN_NOT_READABLE"
    TARGET_NOT_ALLOWED = "TARGET_NOT_ALLOWED"
    TARGET_DIFFERS = "TARGET_DIFFERS"
    TARGET_UNKNOWN = "TARGET_UNKNOWN"
    TOO_MANY_THREADS = "TOO_MANY_THREADS"
    TOO_LONG = "TOO_LONG"
    TOO_MUCH_HEAP = "TOO_MUCH_HEAP"
    FINITE_LOOPS = "FINITE_LOOPS"
    SERIALISED_GROUPS = "SERIALISED_GROUPS"
    DELAY_OVERRIDDEN = "DELAY_OVERRIDDEN"
    OWN_RAMP_UP = "OWN_RAMP_UP"
    THREADS_WRITTEN_OUT = "THREADS_WRITTEN_OUT"
    NO_SCHEDULER = "NO_SCHEDULER"
    UNRESOLVED = "UNRESOLVED"
    DATA_FILE_MISSING = "DATA_FILE_MISSING"
    EXTERNAL_FILE = "EXTERNAL_FILE"
    EXTERNAL_PLAN = "EXTERNAL_PLAN"
    SECRET_IN_PLAN = "SECRET_IN_PLAN"  # noqa: S105 - no secret itself
    PLUGIN_ELEMENT = "PLUGIN_ELEMENT"
    NOT_ON_ENGINE = "NOT_ON_ENGINE"
    DISABLED_PART = "DISABLED_PART"
    NOTHING_ENABLED = "NOTHING_ENABLED"


FindingValues = tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """``element`` is its name, ``path`` the names from the test plan down to it.

    ``message`` is English; ``values`` are what it is made of besides, by name, for other languages.
    """

    code: FindingCode
    severity: Severity
    element: str
    path: str
    message: str
    values: FindingValues = ()


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """Every finding at once; ``status`` is the gravest severity among them."""

    findings: tuple[Finding, ...]

    @property
    def status(self) -> Severity:
        order = list(Severity)
        return max((finding.severity for finding in self.findings), key=order.index, default=Severity.OK)

    @property
    def denials(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.DENY)


class TestPlanDenied(InvalidValue):
    """The policy refuses the plan; ``details`` give every reason at once."""

    code = "TEST_PLAN_DENIED"
    __test__ = False  # the name begins as pytest's classes do

    def __init__(self, field: str, denials: Sequence[Finding]) -> None:
        super().__init__(
            "The preflight refuses the test plan.",
            [
                FieldFault(field, f"{finding.code}: {finding.path or finding.element}: {finding.message}")
                for finding in denials
            ],
        )
