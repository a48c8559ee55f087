"""What a test plan itself makes of the load: its users and where they go, whatever the definition says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tandem.adapters.jmx.reader import read_plan
from tandem.domain.definition import endpoint_properties
from tandem.domain.errors import AppError
from tandem.domain.plan_expressions import Surroundings, resolve
from tandem.domain.plan_facts import PlanFacts, TargetFact


@dataclass(frozen=True)
class PlanShape:
    """`users`: None where the plan does not say it in numbers. `elsewhere`: addresses that are not the target's."""

    users: int | None
    elsewhere: tuple[str, ...]

    def sentence(self, target: str) -> str:
        """The load in words."""
        users = "as many users as the plan says" if self.users is None else f"{self.users} users"
        if not self.elsewhere:
            return f"{users} against {target}"
        return f"{users} against {', '.join(self.elsewhere)}, as the plan says: not (only) against TARGET {target}"


def shape_of(plan: Path, target: str, threads: int) -> PlanShape:
    """What a plan does with the definition's target and threads; a plan that cannot be read says nothing."""
    endpoint = endpoint_properties(target)
    try:
        facts = read_plan([plan.read_bytes()])
    except AppError:
        return PlanShape(None, ())
    known = _surroundings(facts, {**endpoint, "threads": str(threads)})
    counts = [resolve(group.threads or "", known) for group in facts.thread_groups if group.element.enabled]
    numbers = [int(each.text) for each in counts if each.known and each.text.strip().isdecimal()]
    own = f"{endpoint['host']}:{endpoint['port']}"
    places = {place for each in facts.targets if each.element.enabled and (place := _place(each, known)) is not None}
    return PlanShape(sum(numbers) if len(numbers) == len(counts) else None, tuple(sorted(places - {own})))


def _surroundings(facts: PlanFacts, properties: Mapping[str, str]) -> Surroundings:
    return Surroundings(
        properties, facts.variables, facts.changing, facts.changing_properties, any_may_change=facts.any_may_change
    )


def _place(target: TargetFact, known: Surroundings) -> str | None:
    """`host:port`; None where only the run can tell."""
    host, port, protocol = (resolve(text or "", known) for text in (target.host, target.port, target.protocol))
    if not host.text or not (host.known and port.known and protocol.known):
        return None
    return f"{host.text}:{port.text or ('443' if protocol.text == 'https' else '80')}"
