"""By what a test plan is judged. Every function reads it with its settings; only some judge plans (preflight)."""

from dataclasses import dataclass
from enum import StrEnum

from tandem.domain.target import TargetAllowList


class CodePolicy(StrEnum):
    """What to do about a plan that brings code along."""

    ALLOW = "allow"
    WARN = "warn"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class PreflightPolicy:
    """``targets`` None: no list, a host other than the endpoint's is a warning. ``max_duration_sec`` in seconds."""

    code: CodePolicy = CodePolicy.WARN
    targets: TargetAllowList | None = None
    max_threads: int | None = None
    max_duration_sec: int | None = None
