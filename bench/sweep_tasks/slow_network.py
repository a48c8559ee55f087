"""A TCP proxy that holds back every byte for a while: the same database, as if it stood further away."""

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_PIECE = 256 * 1024


class _Piece(NamedTuple):
    due: float
    data: bytes


@contextmanager
def slow_network(host: str, port: int, one_way_seconds: float) -> Iterator[int]:
    """The port of a proxy to ``host:port``; what passes either way arrives ``one_way_seconds`` later.

    Threads that sleep, not an event loop: its timers are too coarse for a millisecond.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, (host, port), one_way_seconds), daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _accept(listener: socket.socket, target: tuple[str, int], delay: float) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return  # closed: the proxy has ended
        far = socket.create_connection(target)
        for each in (near, far):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, sink in ((near, far), (far, near)):
            under_way: queue.SimpleQueue[_Piece] = queue.SimpleQueue()
            threading.Thread(target=_take, args=(source, under_way, delay), daemon=True).start()
            threading.Thread(target=_give, args=(sink, under_way), daemon=True).start()


def _take(source: socket.socket, under_way: "queue.SimpleQueue[_Piece]", delay: float) -> None:
    data = b"more"
    while data:
        try:
            data = source.recv(_PIECE)
        except OSError:
            data = b""
        under_way.put(_Piece(time.monotonic() + delay, data))


def _give(sink: socket.socket, under_way: "queue.SimpleQueue[_Piece]") -> None:
    """Pass on each piece when it is due; an empty one is the other side's goodbye."""
    while True:
        piece = under_way.get()
        time.sleep(max(0.0, piece.due - time.monotonic()))
        try:
            if not piece.data:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(piece.data)
        except OSError:
            return  # this side has gone; the other will notice by itself
