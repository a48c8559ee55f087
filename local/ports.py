"""Listening sockets of the stack, opened before anything else so that an occupied port is said at once."""

from __future__ import annotations

import contextlib
import errno
import socket

_HOST = "127.0.0.1"


class PortInUse(Exception):
    """A port that the stack needs is taken; the message names the setting that changes it."""


def listen(port: int, setting: str) -> socket.socket:
    """A listening socket on the loopback interface; port 0 takes a free one. Raises PortInUse."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(1024)
    except OSError as exc:
        listener.close()
        if exc.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortInUse(
                f"port {port} is in use or not allowed: stop what listens there (another `make up`?) "
                f"or choose another port with {setting}"
            ) from exc
        raise
    return listener


def choose(port: int, setting: str) -> int:
    """The port itself when it is free, or a free one for 0. Raises PortInUse."""
    with contextlib.closing(listen(port, setting)) as listener:
        return int(listener.getsockname()[1])
