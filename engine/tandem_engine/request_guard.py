"""Which requests a service on this machine takes: none that a page in somebody's browser sends.

A page can make the browser of whoever opens it call 127.0.0.1. It cannot hide where it comes from (``Origin``), and a
name of its own that it lets point to 127.0.0.1 stands in ``Host``. So both are looked at before anything else is.
"""

import ipaddress
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(address: str) -> bool:
    """Whether nobody but this machine reaches a service that listens there."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def refusal(host: str, origin: str | None, names: Collection[str] | None, origins: Collection[str] = ()) -> str | None:
    """Why a request with these headers is not taken; None when it is.

    ``names`` are the hosts by which the service may be called (None: any), ``origins`` those of other services whose
    pages may call it, such as ``http://localhost:3000``.
    """
    if names is not None and _name_of(host) not in names:
        return f"the service is not called {host[:100]!r} (Host); it takes {', '.join(sorted(names))}"
    if origin is None or origin in origins:
        return None
    try:
        sent_from = urlsplit(origin).netloc.lower()
    except ValueError:
        sent_from = ""
    if not sent_from or sent_from != host.strip().lower():
        return f"a page of {origin[:100]!r} (Origin) must not call this service"
    return None


class RequestGuard:
    """An ASGI application in front of another one: what ``refusal`` names is answered by ``refuse``."""

    def __init__(self, application: ASGIApp, names: Collection[str] | None, refuse: Callable[[str], ASGIApp]) -> None:
        self._application = application
        self._names = names
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
            reason = refusal(headers.get(b"host", ""), headers.get(b"origin"), self._names)
            if reason is not None:
                await self._refuse(reason)(scope, receive, send)
                return
        await self._application(scope, receive, send)


def _name_of(host: str) -> str:
    """The name in a Host header, without its port, in lower case."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")
