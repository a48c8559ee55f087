"""Our engine as a child process: started, watched, started again when it dies, stopped with the stack."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from local.settings import PROJECT

_log = logging.getLogger(__name__)

_HEALTH_PATH = "/api/loadtest/health"
_POLL_SECONDS = 0.2
_HEALTH_TIMEOUT = 2.0
_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 15.0
_STEADY_SECONDS = 30.0
# The engine stops its runs in about 2 s each and waits up to 10 s for their reports.
_STOP_SECONDS = 30.0


def engine_command() -> list[str]:
    """The command that runs the engine until this process ends."""
    return [sys.executable, "-m", "local.until_parent_ends", str(os.getpid()), sys.executable, "-m", "tandem_engine"]


def engine_environment(port: int, data_directory: Path) -> dict[str, str]:
    """This process's environment with the engine's own settings in it."""
    paths = [str(PROJECT / "engine"), str(PROJECT / "shared"), str(PROJECT)]
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [environment.get("PYTHONPATH")])])
    environment["TANDEM_ENGINE_PORT"] = str(port)
    environment["TANDEM_ENGINE_DATA_DIR"] = str(data_directory)
    return environment


def engine_silence(url: str) -> str | None:
    """Why an engine gives no sign of life; None when it does."""
    try:
        with urllib.request.urlopen(url.rstrip("/") + _HEALTH_PATH, timeout=_HEALTH_TIMEOUT):  # noqa: S310 - http(s), as configured
            return None
    except urllib.error.HTTPError as exc:
        # Whoever asks for a token is there.
        return None if exc.code in {401, 403} else f"{url} answers {exc.code} to {_HEALTH_PATH}"
    except (urllib.error.URLError, OSError, ValueError) as exc:
        return f"{url}: {getattr(exc, 'reason', exc)}"


class EngineProcess:
    """Keeps one engine running on a port. The watching thread both starts and ends it.

    (Linux ties the death signal to the thread that started the child, so that thread must live as long.)
    """

    def __init__(self, port: int, data_directory: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._data_directory = data_directory
        self._stopping = threading.Event()
        self._healthy = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="engine", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the engine answered its health check since it was last started."""
        return self._healthy.is_set()

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Ends the engine, which stops its runs first; kills it when that takes too long."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS + 5)

    def _watch(self) -> None:
        backoff = _FIRST_BACKOFF
        while not self._stopping.is_set():
            started = time.monotonic()
            process = self._launch()
            self._follow(process)
            self._healthy.clear()
            if self._stopping.is_set():
                _end(process)
                return
            if time.monotonic() - started > _STEADY_SECONDS:
                backoff = _FIRST_BACKOFF
            _log.error("the engine ended with status %s; it is started again in %.1f s", process.returncode, backoff)
            self._stopping.wait(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _launch(self) -> subprocess.Popen[bytes]:
        self._data_directory.mkdir(parents=True, exist_ok=True)
        # A session of its own: Ctrl-C reaches us alone, and we end the engine in its turn.
        return subprocess.Popen(
            engine_command(),
            env=engine_environment(self._port, self._data_directory),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        """Returns when the process has ended or we are to stop."""
        while not self._stopping.is_set() and process.poll() is None:
            if not self._healthy.is_set() and self._answers():
                self._healthy.set()
            self._stopping.wait(_POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + _HEALTH_PATH, timeout=_HEALTH_TIMEOUT) as answer:  # noqa: S310 - http(s), as configured
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _log.error("the engine did not stop within %d s and is killed", _STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
