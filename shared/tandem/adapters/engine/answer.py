"""An HTTP answer of the engine before anybody has believed it, and what its status line means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic_core

from tandem.domain.errors import EngineAnsweredWrongly, EngineAnswerLost, EngineError, EngineRefused, EngineUnavailable

_LONGEST_QUOTE = 300
_LONGEST_RETRY_AFTER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (lower-case names) and whole body of one answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ``ValueError`` when it is none."""
        return pydantic_core.from_json(self.body, allow_inf_nan=False)


def turns_away(answer: Answer) -> bool:
    """Whether the request was turned away for want of the right token."""
    return answer.status in {401, 403}


def says_unknown(answer: Answer) -> bool:
    """Whether this is the engine's own 404: the body is empty or JSON (trap 8).

    A 404 in HTML or plain text comes from something in front of the engine and says nothing about an execution.
    """
    return answer.status == 404 and _body_is_the_engines(answer)


def says_state_forbids(answer: Answer) -> bool:
    """Whether this is the engine's own 400; one in HTML comes from a proxy and is no verdict."""
    return answer.status == 400 and _body_is_the_engines(answer)


def _body_is_the_engines(answer: Answer) -> bool:
    if not answer.body.strip():
        return True
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def error_of(answer: Answer, doing: str) -> EngineError | None:
    """What an answer outside 2xx means, or ``None`` for one inside.

    - 503 and 429: ``EngineUnavailable``, the request was turned away and had no effect.
    - any other 5xx, and 408: ``EngineAnswerLost``. A 500 may come after the work was done, or from a proxy that lost
      the engine half way (502, 504); an unknown plan answers 500 too and leaves a FAILED record (trap 12). Only the
      engine's list tells them apart, so no 500 is ever taken for a refusal.
    - any other 4xx: ``EngineRefused``.
    - 1xx and 3xx: ``EngineAnsweredWrongly``; redirects are not followed, because a start must not be sent twice.
    """
    if 200 <= answer.status < 300:
        return None
    said = f"the engine answered {answer.status} to {doing}{_quote(answer)}"
    if answer.status in {429, 503}:
        return EngineUnavailable(said, retry_after=_retry_after(answer))
    if answer.status >= 500 or answer.status == 408:
        return EngineAnswerLost(said)
    if answer.status >= 400:
        return EngineRefused(said)
    return EngineAnsweredWrongly(said)


def data_of(answer: Answer, doing: str) -> Any:
    """The envelope's ``data``, ``None`` when it is left out (trap 11). Raises what ``error_of`` says.

    A 2xx without a readable envelope, or with ``success: false``, contradicts itself: ``EngineAnsweredWrongly``.
    """
    error = error_of(answer, doing)
    if error is not None:
        raise error
    try:
        envelope = answer.json()
    except ValueError as exc:
        kind = answer.headers.get("content-type", "no content type")[:80]
        raise EngineAnsweredWrongly(f"the engine's answer to {doing} is no JSON ({kind})") from exc
    if not isinstance(envelope, dict) or envelope.get("success") is not True:
        raise EngineAnsweredWrongly(f"the engine's answer to {doing} is no successful envelope{_quote(answer)}")
    return envelope.get("data")


def _quote(answer: Answer) -> str:
    """The engine's own words, from its envelope or a framework's error body; nothing when there are none to trust."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    words = [body[key] for key in ("error", "message", "detail") if isinstance(body.get(key), str) and body[key]]
    return f": {' / '.join(dict.fromkeys(words))[:_LONGEST_QUOTE]}" if words else ""


def _retry_after(answer: Answer) -> float | None:
    """Seconds from ``Retry-After``; its date form is not read, since the engine's clock may be off."""
    text = answer.headers.get("retry-after", "").strip()
    return min(float(text), _LONGEST_RETRY_AFTER_SECONDS) if text.isascii() and text.isdigit() else None
