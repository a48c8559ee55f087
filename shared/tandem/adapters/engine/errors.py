"""What a failure of the connection means: did the request possibly take effect?"""

import httpcore

from tandem.domain.errors import EngineAnsweredWrongly, EngineAnswerLost, EngineError, EngineUnavailable

NEVER_SENT = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)
"""No connection was opened for the request, so it had no effect. TLS handshakes fail as ``ConnectError`` too."""

MAY_HAVE_TAKEN_EFFECT = (
    httpcore.ReadError,
    httpcore.ReadTimeout,
    httpcore.WriteError,
    httpcore.WriteTimeout,
    httpcore.RemoteProtocolError,
    httpcore.LocalProtocolError,
)
"""Part of the request may have arrived: nothing can be said about its effect."""

FOREIGN = NEVER_SENT + MAY_HAVE_TAKEN_EFFECT

LOST_CONNECTION = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)
"""How a kept connection fails that the engine has closed meanwhile; a read is asked once more on a fresh one."""


class AnswerTooLarge(Exception):
    """The body outgrew its limit. Never leaves this package."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


def engine_error(exc: Exception, doing: str) -> EngineError:
    """The domain error for an exception of the transport."""
    if isinstance(exc, AnswerTooLarge):
        return EngineAnsweredWrongly(f"the engine's answer to {doing} is larger than {exc.limit} bytes")
    if isinstance(exc, NEVER_SENT):
        return EngineUnavailable(f"the engine could not be reached for {doing} ({_kind(exc)})")
    return EngineAnswerLost(f"the engine's answer to {doing} was lost ({_kind(exc)})")


def _kind(exc: Exception) -> str:
    text = str(exc)
    return f"{type(exc).__name__}: {text[:120]}" if text else type(exc).__name__
