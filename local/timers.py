"""Calls at a later time, all from one thread: retries, function timeouts, schedules."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Timer:
    """One call that is due; `cancel` keeps it from being made."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Forgets the call; harmless when it was made already."""
        self._call = None

    def run(self) -> None:
        """Makes the call unless it was cancelled."""
        call, self._call = self._call, None
        if call is not None:
            call()


class Timers:
    """A heap of due calls and the thread that makes them. Calls must be short: they hand work to others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
        self._thread.start()

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Makes the call `seconds` from now. After `close` it is never made."""
        timer = Timer(call)
        with self._changed:
            heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._order), timer))
            if self._heap[0][2] is timer:
                self._changed.notify()
        return timer

    def close(self) -> None:
        """Forgets all calls and ends the thread."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._heap or self._heap[0][0] > time.monotonic()):
                    self._changed.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
                if self._closed:
                    return
                _, _, timer = heapq.heappop(self._heap)
            try:
                timer.run()
            except Exception:  # noqa: BLE001
                # One faulty call must not end the thread that all the others depend on.
                _log.exception("a timed call failed")
