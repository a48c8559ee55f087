"""A deadline over a whole HTTP call: httpcore's timeouts hold for each single read, so trickled bytes outlast them."""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

_PIECE_BYTES = 65536


class CallDeadline:
    """The deadline of the call that the current thread is in; ``monotonic`` seconds."""

    def __init__(self) -> None:
        self._local = threading.local()

    @contextmanager
    def until(self, at: float) -> Iterator[None]:
        """Hold every socket operation of this thread to ``at``; the earlier deadline comes back afterwards."""
        before = getattr(self._local, "at", None)
        self._local.at = at
        try:
            yield
        finally:
            self._local.at = before

    def shorten(self, timeout: float | None, too_late: type[Exception]) -> float | None:
        """The part of ``timeout`` that is left. Raises ``too_late`` when none is."""
        at: float | None = getattr(self._local, "at", None)
        if at is None:
            return timeout
        left = at - time.monotonic()
        if left <= 0:
            raise too_late("the whole call's deadline has passed")
        return left if timeout is None else min(timeout, left)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens TCP connections whose every operation keeps the deadline. Name resolution alone is not bounded by it."""

    def __init__(self, deadline: CallDeadline) -> None:
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        bounded = self._deadline.shorten(timeout, httpcore.ConnectTimeout)
        stream = self._plain.connect_tcp(host, port, bounded, local_address, socket_options)
        return _DeadlineStream(stream, self._deadline)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: CallDeadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.shorten(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), _PIECE_BYTES):
            bounded = self._deadline.shorten(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[begin : begin + _PIECE_BYTES], bounded)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        bounded = self._deadline.shorten(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, bounded), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
