"""Ending a JMeter: gently first, then harder, each for a bounded time; its tear-down groups get their time."""

import socket
import time
from signal import SIGKILL, SIGTERM
from typing import Final

from tandem_engine.processes import JMeterProcess
from tandem_engine.signs import RunSigns

# Seconds. JMeter needs about 2 s for a graceful stop: samples in flight end.
GENTLE_FOR: Final = 3.0
STOP_NOW_FOR: Final = 4.0
TERMINATE_FOR: Final = 2.0
_AGAIN_AFTER: Final = 0.25


class StopSequence:
    """``step`` is to be called every tenth of a second or so, behind a look at the signs, until the process is gone.

    UDP ``Shutdown`` first: no main group begins a sample, those in flight may end within ``gentle_for`` seconds, and
    tear-down groups then run for at most ``tear_down_limit`` seconds. ``StopTestNow`` next (cut samples are written as
    failed), also for main groups that do not end; their tear-down groups still get their time. Then SIGTERM, SIGKILL.

    Each word is sent until JMeter says that it took it: it loses what comes before it listens, and a second one would
    end the tear-down groups.
    """

    def __init__(
        self,
        process: JMeterProcess,
        port: int,
        signs: RunSigns,
        gentle_for: float = GENTLE_FOR,
        tear_down_limit: float = 0,
    ) -> None:
        self._process = process
        self._port = port
        self._signs = signs
        self._gentle_for = gentle_for
        self._tear_down_limit = tear_down_limit
        self._began = time.monotonic()
        self._sent: float | None = None
        self._hard_since: float | None = None
        self._stops_before = 0
        self._terminated = False
        self.means = ""
        """What was last tried, for the event log."""

    def hasten(self) -> None:
        """Somebody waits for the end now: samples in flight get no more time than on a stop."""
        self._gentle_for = min(self._gentle_for, time.monotonic() - self._began + GENTLE_FOR)

    def step(self, *, harder: bool = False) -> str | None:
        """Do what is due; answers the means when it changed. ``harder`` goes to signals at once."""
        now = time.monotonic()
        before = self.means
        if harder:
            self._signal(SIGKILL if self._terminated else SIGTERM)
        elif now < self._gentle_until():
            self._hard_since = None
            if self._signs.tear_down_began is not None:
                self.means = "nothing more while the tear-down groups run"
            elif not self._signs.shutdown_taken:
                self._send("Shutdown", now)
        else:
            self._be_hard(now)
        return self.means if self.means != before else None

    def _gentle_until(self) -> float:
        tear_down = self._signs.tear_down_began
        return self._began + self._gentle_for if tear_down is None else tear_down + self._tear_down_limit

    def _be_hard(self, now: float) -> None:
        if self._hard_since is None:
            self._hard_since, self._stops_before, self._sent = now, self._signs.stops_now_taken, None
        waited = now - self._hard_since
        if waited >= STOP_NOW_FOR + TERMINATE_FOR:
            self._signal(SIGKILL)
        elif waited >= STOP_NOW_FOR:
            self._signal(SIGTERM)
        elif self._signs.stops_now_taken == self._stops_before:
            self._send("StopTestNow", now)

    def _signal(self, number: int) -> None:
        self.means = "SIGKILL" if number == SIGKILL else "SIGTERM"
        if number == SIGKILL:
            self._process.signal(SIGKILL)
        elif not self._terminated:
            self._terminated = True
            self._process.signal(SIGTERM)

    def _send(self, word: str, now: float) -> None:
        if self._sent is not None and now - self._sent < _AGAIN_AFTER:
            return
        self._sent = now
        self.means = word
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
