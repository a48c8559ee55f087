"""Runs a command that gets SIGTERM when its parent dies in whatever way.

`python -m local.until_parent_ends PID CMD...`, where PID is the parent's. The command replaces this process, so it
keeps its process id. Linux only; elsewhere the command just runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Arms the signal, then becomes the command. Exits with 1 when the parent died before."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - the whole purpose; no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
