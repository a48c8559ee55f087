"""One engine's connections: whole calls under a deadline and a size limit, and streams."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import httpcore

from tandem.adapters.engine.answer import Answer
from tandem.adapters.engine.deadline import CallDeadline, DeadlineBackend
from tandem.adapters.engine.errors import FOREIGN, LOST_CONNECTION, AnswerTooLarge, engine_error
from tandem.adapters.engine.settings import EngineSettings

SMALL_ANSWER_BYTES = 1024 * 1024
LARGE_ANSWER_BYTES = 8 * 1024 * 1024


class Transport:
    """Safe for several threads. Reads share kept connections; whatever has an effect gets a connection of its own.

    On a fresh connection "never connected" and "sent" are told apart with certainty; on a kept one that the engine has
    just closed they are not.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
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
        request = self._request("GET", path)
        at = time.monotonic() + seconds
        silence = min(self._settings.silence_seconds, seconds)
        try:
            try:
                return self._whole(self._kept, request, at, silence, limit)
            except LOST_CONNECTION:
                return self._whole(self._kept, request, at, silence, limit)
        except (*FOREIGN, AnswerTooLarge) as exc:
            raise engine_error(exc, doing) from exc

    def write(
        self,
        path: str,
        doing: str,
        *,
        call_seconds: float,
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST, exactly once, on a connection of its own; a body in pieces is sent chunked."""
        request = self._request("POST", path, headers, body)
        at = time.monotonic() + call_seconds
        try:
            return self._whole(self._fresh, request, at, call_seconds, SMALL_ANSWER_BYTES)
        except (*FOREIGN, AnswerTooLarge) as exc:
            raise engine_error(exc, doing) from exc

    @contextmanager
    def stream(self, path: str, doing: str) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """GET a body of any length: its answer without a body, and the pieces as they come."""
        at = time.monotonic() + self._settings.download_call_seconds
        request = self._request("GET", path)
        request.extensions["timeout"] = self._timeouts(self._settings.silence_seconds)
        try:
            with self._deadline.until(at):
                response = self._kept.handle_request(request)
        except FOREIGN as exc:
            raise engine_error(exc, doing) from exc
        try:
            yield _answer(response, b""), self._pieces(response, at, doing)
        finally:
            response.close()

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
