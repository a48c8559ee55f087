"""What breaks the shop and mends it: the part of a chaos tool."""

from __future__ import annotations

import httpx

from local.demo.failure import DemoFailure
from local.demo.shop import Fault

_TIMEOUT = 5.0


class ShopControl:
    """Injects a fault into the shop at `url` and removes it. Raises DemoFailure."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client = client
        self._url = f"{url}/fault"

    def inject(self, fault: Fault) -> None:
        """From its return on every request feels the fault."""
        self._send("PUT", {"latencyMs": fault.latency_ms, "errorShare": fault.error_share})

    def heal(self) -> None:
        """From its return on no new request feels it."""
        self._send("DELETE", None)

    def _send(self, method: str, body: dict[str, float] | None) -> None:
        try:
            self._client.request(method, self._url, json=body, timeout=_TIMEOUT).raise_for_status()
        except httpx.HTTPError as exc:
            raise DemoFailure(f"the shop's fault cannot be changed: {exc}") from exc
