"""What the user may choose: the test plan and the system under test."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.demo.failure import WrongOptions
from local.settings import PROJECT

OWN_PLAN = PROJECT / "examples" / "checkout.jmx"


@dataclass(frozen=True)
class DemoOptions:
    """The plan to run and the address it is run against; `target` None is the demo's own shop."""

    plan: Path = OWN_PLAN
    target: str | None = None

    @classmethod
    def of(cls, plan: Path | None, target: str | None) -> DemoOptions:
        """Checks what was asked for. Raises WrongOptions."""
        chosen = plan if plan is not None else OWN_PLAN
        if not chosen.is_file():
            raise WrongOptions(f"there is no test plan {chosen}: JMX takes the path of a JMeter test plan (.jmx)")
        return cls(chosen, None if target is None else _loopback(target))


def _loopback(target: str) -> str:
    """The target itself. Raises WrongOptions when it is no http address of this machine."""
    example = "such as http://127.0.0.1:9000"
    try:
        parts = urlsplit(target)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise WrongOptions(f"TARGET must be an address {example}, not {target!r}: {exc}") from exc
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise WrongOptions(f"TARGET must be an address {example}, not {target!r}")
    if not _is_loopback(host):
        raise WrongOptions(
            f"TARGET is {target!r}, which is not on this machine: a demo puts load on 127.0.0.1 or localhost only. "
            "For any other system use the API (POST /CreateLoadTestDefinition) of a running stack"
        )
    return target.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
