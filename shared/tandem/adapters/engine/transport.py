"""One engine's connections: whole calls under a deadline and a size limit, and streams."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import httpcore

from tandem.adapters.engine.answer import Answer, turns_away
from tandem.adapters.engine.deadline import CallDeadline, DeadlineBackend
from tandem.adapters.engine.errors import FOREIGN, LOST_CONNECTION, AnswerTooLarge, engine_error
from tandem.adapters.engine.settings import EngineSettings
from tandem.domain.errors import EngineUnavailable

SMALL_ANSWER_BYTES = 1024 * 1024
LARGE_ANSWER_BYTES = 8 * 1024 * 1024
RENEWAL_SECONDS = 30.0


class Transport:
    """Safe for several threads. Reads share kept connections; whatever has an effect gets a connection of its own.

    On a fresh connection "never connected" and "sent" are told apart with certainty; on a kept one that the engine has
    just closed they are not.

    A token may change while a function stays warm: a call that is turned away with 401 or 403, and so had no effect,
    is made once more with the token as it is now.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._renewing = threading.Lock()
        self._renewed_at = -RENEWAL_SECONDS
        self._deadline = CallDeadline()
        backend = DeadlineBackend(self._deadline)
        self.ssl_context = httpcore.default_ssl_context() if settings.is_tls else None
        self._kept = httpcore.ConnectionPool(
            ssl_context=self.ssl_context,
            max_connections=settings.connections,
            keepalive_expiry=5.0,
            network_backend=backend,
        )
        self._fresh = httpcore.ConnectionPool(
            ssl_context=self.ssl_context,
            max_connections=settings.connections,
            max_keepalive_connections=0,
            network_backend=backend,
        )

    @property
    def settings(self) -> EngineSettings:
        """The settings with the token as it is now."""
        return self._settings

    def renew_token(self, refused: str | None) -> bool:
        """Read the token anew when the refused one still is in use; whether there is another one now."""
        with self._renewing:
            read_token = self._settings.read_token
            if self._settings.token != refused:
                return True
            # One that is simply wrong must not be read again with every call.
            if read_token is None or time.monotonic() - self._renewed_at < RENEWAL_SECONDS:
                return False
            self._renewed_at = time.monotonic()
            self._settings = replace(self._settings, token=read_token())
            return self._settings.token != refused

    def close(self) -> None:
        """Close every connection; the transport can still be used afterwards."""
        self._kept.close()
        self._fresh.close()

    def read(
        self,
        path: str,
        doing: str,
        *,
        call_seconds: float | None = None,
        limit: int = SMALL_ANSWER_BYTES,
    ) -> Answer:
        """GET; asked once more when a connection is lost, since that is how a kept one that has aged fails."""
        seconds = self._settings.read_call_seconds if call_seconds is None else call_seconds
        at = time.monotonic() + seconds
        silence = min(self._settings.silence_seconds, seconds)

        def ask() -> Answer:
            request = self._request("GET", path)
            try:
                return self._whole(self._kept, request, at, silence, limit)
            except LOST_CONNECTION:
                return self._whole(self._kept, request, at, silence, limit)

        try:
            return self._with_token(ask)
        except (*FOREIGN, AnswerTooLarge) as exc:
            raise engine_error(exc, doing) from exc

    def write(
        self,
        path: str,
        doing: str,
        *,
        call_seconds: float,
        method: str = "POST",
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST, or another method with an effect, once unless it was turned away for its token, on a connection of its
        own; a body in pieces is sent chunked, and can be sent once only.
        """
        at = time.monotonic() + call_seconds
        used = self._settings.token

        def send() -> Answer:
            request = self._request(method, path, headers, body)
            return self._whole(self._fresh, request, at, call_seconds, SMALL_ANSWER_BYTES)

        try:
            if isinstance(body, bytes):
                return self._with_token(send)
            answer = send()
        except (*FOREIGN, AnswerTooLarge) as exc:
            raise engine_error(exc, doing) from exc
        if turns_away(answer) and self.renew_token(used):
            raise EngineUnavailable(f"the engine's token has changed while {doing}; it is known now")
        return answer

    def _with_token(self, ask: Callable[[], Answer]) -> Answer:
        used = self._settings.token
        answer = ask()
        return ask() if turns_away(answer) and self.renew_token(used) else answer

    @contextmanager
    def stream(self, path: str, doing: str) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """GET a body of any length: its answer without a body, and the pieces as they come."""
        at = time.monotonic() + self._settings.download_call_seconds
        used = self._settings.token
        response = self._open(path, at, doing)
        if turns_away(_answer(response, b"")) and self.renew_token(used):
            response.close()
            response = self._open(path, at, doing)
        try:
            yield _answer(response, b""), self._pieces(response, at, doing)
        finally:
            response.close()

    def _open(self, path: str, at: float, doing: str) -> httpcore.Response:
        request = self._request("GET", path)
        request.extensions["timeout"] = self._timeouts(self._settings.silence_seconds)
        try:
            with self._deadline.until(at):
                return self._kept.handle_request(request)
        except FOREIGN as exc:
            raise engine_error(exc, doing) from exc

    def _pieces(self, response: httpcore.Response, at: float, doing: str) -> Iterator[bytes]:
        pieces = iter(response.iter_stream())
        while True:
            # The deadline is set for each piece alone: the caller may make other calls between two of them.
            try:
                with self._deadline.until(at):
                    piece = next(pieces, None)
            except FOREIGN as exc:
                raise engine_error(exc, doing) from exc
            if piece is None:
                return
            yield piece

    def _whole(
        self, pool: httpcore.ConnectionPool, request: httpcore.Request, at: float, silence: float, limit: int
    ) -> Answer:
        request.extensions["timeout"] = self._timeouts(silence)
        with self._deadline.until(at):
            response = pool.handle_request(request)
            try:
                body = bytearray()
                for piece in response.iter_stream():
                    body += piece
                    if len(body) > limit:
                        raise AnswerTooLarge(limit)
            finally:
                response.close()
        return _answer(response, bytes(body))

    def _timeouts(self, silence: float) -> dict[str, float]:
        connect = self._settings.connect_seconds
        return {"connect": connect, "pool": connect, "read": silence, "write": silence}

    def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
    ) -> httpcore.Request:
        sent = {**common_headers(self._settings), **(headers or {})}
        if isinstance(body, bytes):
            if method == "POST":
                sent["Content-Length"] = str(len(body))
        else:
            sent["Transfer-Encoding"] = "chunked"
        url = httpcore.URL(
            scheme=b"https" if self._settings.is_tls else b"http",
            host=self._settings.host.encode("ascii"),
            port=self._settings.port,
            target=(self._settings.path_prefix + path).encode("ascii"),
        )
        return httpcore.Request(method, url, headers=list(sent.items()), content=body)


def common_headers(settings: EngineSettings) -> dict[str, str]:
    """What every request carries. Compression is not asked for, so that a limit on what arrives is one on memory."""
    headers = {
        "Host": settings.host_header,
        "Accept": "application/json, */*;q=0.5",
        "Accept-Encoding": "identity",
        "User-Agent": "tandem",
    }
    if settings.token is not None:
        headers["Authorization"] = f"Bearer {settings.token}"
    return headers


def _answer(response: httpcore.Response, body: bytes) -> Answer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return Answer(response.status, headers, body)
