"""Ending a JMeter: gently first, then harder, each for a bounded time."""

import socket
import time
from signal import SIGKILL, SIGTERM
from typing import Final

from tandem_engine.processes import JMeterProcess

# Seconds after which the next means is taken. JMeter needs about 2 s for a graceful stop: samples in flight end.
STOP_NOW_AFTER: Final = 3.0
TERMINATE_AFTER: Final = 7.0
KILL_AFTER: Final = 9.0
_AGAIN_AFTER: Final = 0.25


class StopSequence:
    """``step`` is to be called every tenth of a second or so until the process is gone.

    UDP ``Shutdown`` for 3 s, ``StopTestNow`` for 4 s (cut samples are written as failed), SIGTERM for 2 s, SIGKILL.
    Datagrams are sent again every 0.25 s, because JMeter loses those that come before it listens.
    """

    def __init__(self, process: JMeterProcess, port: int) -> None:
        self._process = process
        self._port = port
        self._began = time.monotonic()
        self._sent: float | None = None
        self._terminated = False
        self.means = ""
        """What was last tried, for the event log."""

    def step(self, *, harder: bool = False) -> str | None:
        """Do what is due; answers the means when it changed. ``harder`` goes to signals at once."""
        now = time.monotonic()
        waited = now - self._began
        before = self.means
        if waited >= KILL_AFTER or (harder and self._terminated):
            self.means = "SIGKILL"
            self._process.signal(SIGKILL)
        elif waited >= TERMINATE_AFTER or harder:
            self.means = "SIGTERM"
            if not self._terminated:
                self._terminated = True
                self._process.signal(SIGTERM)
        elif self._sent is None or now - self._sent >= _AGAIN_AFTER:
            self._sent = now
            self.means = "Shutdown" if waited < STOP_NOW_AFTER else "StopTestNow"
            self._send(self.means)
        return self.means if self.means != before else None

    def _send(self, word: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(word.encode("ascii"), ("127.0.0.1", self._port))


def free_stop_port(taken: set[int]) -> int:
    """A UDP port of the loopback interface that nobody listens on and no run of ours was given. Raises OSError."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
