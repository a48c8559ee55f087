"""Processes told apart for certain (a pid alone may have been given to somebody else), and JMeter's own processes.

Reads Linux's /proc: the start time of a process, in clock ticks since boot, together with the id of the boot.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tandem_engine.containment import kill_all_of

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process and no other: its pid and when it was started."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    session: int
    start_ticks: str


def identity_of(pid: int) -> ProcessIdentity | None:
    """The identity of a running process; None when there is none (a zombie does not run)."""
    stat = _stat(pid)
    if stat is None or stat.state in "ZX":
        return None
    return ProcessIdentity(pid, f"{_boot_id()}:{stat.start_ticks}")


def is_running(identity: ProcessIdentity) -> bool:
    """Whether this very process still runs."""
    return identity_of(identity.pid) == identity


def leads_session(pid: int) -> bool:
    """Whether the process was started as the first of its session, as the engine starts each JMeter."""
    stat = _stat(pid)
    return stat is not None and stat.session == pid


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """The pid and arguments of each process that we may look at."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                content = (entry / "cmdline").read_bytes()
                yield int(entry.name), [os.fsdecode(argument) for argument in content.split(b"\0")]


class JMeterProcess:
    """A JMeter in a session of its own: our child, or one that an earlier engine started (adopted)."""

    def __init__(
        self, identity: ProcessIdentity, child: subprocess.Popen[bytes] | None, user: int | None = None
    ) -> None:
        """``user``: the user id that is its own; None when it runs as the engine's."""
        self.identity = identity
        self._user = user
        self._child = child
        self.return_code: int | None = None
        """Known only for a child that has ended; negative is a signal."""

    @classmethod
    def spawn(
        cls,
        command: list[str],
        environment: dict[str, str],
        directory: Path,
        output: Path,
        user: int | None = None,
    ) -> "JMeterProcess":
        """Start JMeter, as ``user`` when it has one of its own; it outlives the engine. Raises OSError."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with os.fdopen(os.open(output, flags, 0o600), "ab") as sink:
            child = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                umask=-1 if user is None else 0o077,
            )
        # Not yet reaped, so its pid is its own even if it ended at once; as a zombie it has no identity.
        stat = _stat(child.pid)
        return cls(ProcessIdentity(child.pid, f"{_boot_id()}:{stat.start_ticks if stat else ''}"), child, user)

    @classmethod
    def adopt(cls, identity: ProcessIdentity, user: int | None = None) -> "JMeterProcess":
        """Take over a process that an earlier engine started."""
        return cls(identity, None, user)

    def has_ended(self) -> bool:
        """Whether it is gone; a child is reaped then, and what it left in its session is killed."""
        if self._child is None:
            if is_running(self.identity):
                return False
            self._kill_leftovers()
            return True
        if self.return_code is not None:
            return True
        # Looked at, not yet reaped: until then nobody else can get the number of its session.
        if os.waitid(os.P_PID, self.identity.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        self._kill_leftovers()
        self.return_code = self._child.wait()
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole process group, if it still runs."""
        if self.return_code is None and (self._child is not None or is_running(self.identity)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.identity.pid, number)

    def _kill_leftovers(self) -> None:
        """Kill what a plan started (an OS process sampler, a launcher script's java) and left running."""
        if self._user is not None:
            kill_all_of(self._user)
        for entry in _PROC.iterdir():
            if entry.name.isdigit() and int(entry.name) != self.identity.pid:
                stat = _stat(int(entry.name))
                if stat is not None and stat.session == self.identity.pid and stat.state not in "ZX":
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(entry.name), signal.SIGKILL)


def _stat(pid: int) -> _Stat | None:
    try:
        content = (_PROC / str(pid) / "stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    # The name, second, is in brackets and may itself hold blanks and brackets; see proc(5).
    fields = content.rpartition(")")[2].split()
    return _Stat(state=fields[0], session=int(fields[3]), start_ticks=fields[19])


@cache
def _boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
