"""The demo's child processes: each with a log of its own, none outliving the demo."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from local.demo.failure import DemoFailure
from local.settings import PROJECT

_POLL_SECONDS = 0.1
_HEALTH_TIMEOUT = 5.0


class Child:
    """One child process, `python -m MODULE ...`; it gets SIGTERM when this process dies in whatever way."""

    def __init__(self, name: str, arguments: list[str], log: Path, variables: Mapping[str, str] | None = None) -> None:
        """Starts it; its output is added to `log`. Call from the main thread, to which Linux ties the death signal."""
        self.name = name
        self._log = log
        with log.open("ab") as output:
            self._log_began = output.tell()
            # A session of its own: Ctrl-C reaches the demo alone, which then ends its children in their turn.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.until_parent_ends", str(os.getpid()), sys.executable, "-m", *arguments],
                cwd=PROJECT,
                env={**os.environ, **(variables or {}), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_healthy(self, client: httpx.Client, url: str, seconds: float) -> None:
        """Returns when `url` answers 200. Raises DemoFailure when the process ends or the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.must_live()
            # Nobody listens there yet, or the process is too busy with its start to answer.
            with contextlib.suppress(httpx.TransportError):
                if client.get(url, timeout=_HEALTH_TIMEOUT).status_code == httpx.codes.OK:
                    return
            time.sleep(_POLL_SECONDS)
        raise DemoFailure(f"{self.name} was not ready after {seconds:.0f} s (log: {self._log})")

    def must_live(self) -> None:
        """Raises DemoFailure, with what the process said itself, when it has ended."""
        if self._process.poll() is not None:
            raise DemoFailure(
                f"{self.name} ended with status {self._process.returncode}: {self._last_words()} (log: {self._log})"
            )

    def stop(self, seconds: float) -> None:
        """Ends the process, after `seconds` by force. Harmless when it has ended."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _last_words(self) -> str:
        with self._log.open("rb") as log:
            log.seek(self._log_began)
            lines = log.read().decode(errors="replace").splitlines()
        said = [line for line in lines if line.startswith("error: ")] or [line for line in lines if line.strip()]
        return said[-1].removeprefix("error: ") if said else "it said nothing"
