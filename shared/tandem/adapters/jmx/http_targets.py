"""Which hosts the HTTP samplers call, with the HTTP Request Defaults that apply to each.

Defaults apply to every sampler in the hashTree in which they stand, before or after them and below, and to a sampler in
whose own hashTree they stand; the nearest that says a value wins. Two in one hashTree: both are reported as possible.
"""

from dataclasses import dataclass, field, replace

from tandem.domain.errors import TooLarge
from tandem.domain.plan_facts import TargetFact

_Key = tuple[bool, str | None, str, str, str]


@dataclass(slots=True)
class _Scope:
    """One open hashTree: the defaults in it, and the samplers that still lack something."""

    defaults: list[TargetFact] = field(default_factory=list)
    waiting: dict[_Key, TargetFact] = field(default_factory=dict)


class HttpTargets:
    """Keeps one fact for all samplers that say the same; raises TooLarge beyond ``max_targets`` different ones."""

    def __init__(self, max_targets: int) -> None:
        self._max_targets = max_targets
        self._found: dict[_Key, TargetFact] = {}
        self._scopes: list[_Scope] = [_Scope()]
        self._fresh: TargetFact | None = None

    def add(self, target: TargetFact) -> None:
        """Add a target that no defaults apply to."""
        self._settle_fresh()
        self._put(self._found, target)

    def add_sampler(self, target: TargetFact) -> None:
        self._settle_fresh()
        # What can be no whole URL says nothing about the host.
        path = "/" if target.path.startswith("/") else target.path
        self._fresh = replace(target, path=path)

    def add_defaults(self, target: TargetFact) -> None:
        self._settle_fresh()
        self._scopes[-1].defaults.append(target)
        if len(self._scopes[-1].defaults) > self._max_targets:
            raise TooLarge(f"The test plan has more than {self._max_targets} HTTP Request Defaults in one place.")

    def enter_tree(self) -> None:
        self._scopes.append(_Scope())
        self._settle_fresh()

    def leave_tree(self) -> None:
        self._settle_fresh()
        scope = self._scopes.pop()
        for target in scope.waiting.values():
            applicable = [known for known in scope.defaults if known.element.enabled or not target.element.enabled]
            for filled in [_filled(target, known) for known in applicable] or [target]:
                complete = filled.host and filled.path and filled.protocol and filled.port
                self._put(self._found if complete else self._scopes[-1].waiting, filled)

    def all(self) -> tuple[TargetFact, ...]:
        """Return every target once the plan has ended, in the order found."""
        for target in self._scopes[0].waiting.values():
            self._put(self._found, target)
        self._scopes[0].waiting.clear()
        return tuple(self._found.values())

    def _settle_fresh(self) -> None:
        if self._fresh is not None:
            self._put(self._scopes[-1].waiting, self._fresh)
            self._fresh = None

    def _put(self, targets: dict[_Key, TargetFact], target: TargetFact) -> None:
        key = (target.element.enabled, target.host, target.protocol, target.port, target.path)
        known = targets.get(key)
        targets[key] = target if known is None else replace(known, count=known.count + target.count)
        if len(targets) > self._max_targets:
            raise TooLarge(f"The test plan calls more than {self._max_targets} different targets.")


def _filled(target: TargetFact, defaults: TargetFact) -> TargetFact:
    default_path = "/" if defaults.path.startswith("/") else defaults.path
    return replace(
        target,
        host=target.host or defaults.host,
        protocol=target.protocol or defaults.protocol,
        port=target.port or defaults.port,
        path=target.path or default_path,
    )
