"""Where an engine is and how long to wait for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from urllib.parse import urlsplit

from tandem.domain.errors import FieldFault, InvalidValue

_TOKEN = re.compile(r"[\x21-\x7e]+")
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One engine. Times are in seconds; each ``*_call_seconds`` bounds a whole call, from connecting to the last byte.

    ``silence_seconds`` is the longest wait for the next byte of any answer but those of stop and start. ``zone`` is the
    zone of the engine's times, which carry none. ``read_token`` reads the token anew, for when the engine takes it no
    more. Raises ``InvalidValue`` for a base URL or token that cannot be sent.
    """

    base_url: str
    token: str | None = field(default=None, repr=False)
    read_token: Callable[[], str] | None = field(default=None, repr=False)
    zone: tzinfo = UTC
    connect_seconds: float = 3.0
    silence_seconds: float = 10.0
    read_call_seconds: float = 15.0
    status_call_seconds: float = 4.0
    capabilities_call_seconds: float = 4.0
    start_call_seconds: float = 25.0
    stop_call_seconds: float = 60.0
    upload_call_seconds: float = 300.0
    download_call_seconds: float = 600.0
    connections: int = 10
    fan_out_connections: int = 84

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        try:
            port_is_fine = parts.port is None or parts.port > 0
        except ValueError:
            port_is_fine = False
        host_is_fine = parts.hostname is not None and _HOST.fullmatch(parts.hostname) is not None
        if parts.scheme not in {"http", "https"} or not host_is_fine or not port_is_fine:
            raise _fault("base_url", "must be http(s)://host[:port][/path]")
        if parts.query or parts.fragment or parts.username is not None:
            raise _fault("base_url", "must have no user, query or fragment")
        if not parts.path.isascii() or any(character.isspace() for character in parts.path):
            raise _fault("base_url", "its path must be ASCII without blanks")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise _fault("token", "must be visible ASCII without blanks")

    @property
    def is_tls(self) -> bool:
        return self.base_url.startswith("https:")

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.base_url).port or (443 if self.is_tls else 80)

    @property
    def path_prefix(self) -> str:
        return urlsplit(self.base_url).path.rstrip("/")

    @property
    def host_header(self) -> str:
        return urlsplit(self.base_url).netloc


def _fault(name: str, message: str) -> InvalidValue:
    return InvalidValue(f"engine setting {name} {message}", [FieldFault(name, message)])
