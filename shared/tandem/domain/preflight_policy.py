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
    """``targets`` None: no list, a host other than the endpoint's is a warning. ``max_duration_sec`` in seconds,
    ``max_heap`` as a definition's heap size.
    """

    code: CodePolicy = CodePolicy.WARN
    targets: TargetAllowList | None = None
    max_threads: int | None = None
    max_duration_sec: int | None = None
    max_heap: str | None = None

    @property
    def wants_to_read(self) -> bool:
        """Whether a plan that nobody has read must not run."""
        return self.targets is not None or self.code is CodePolicy.DENY
