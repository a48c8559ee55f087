"""Where the engine gets its bearer token from, and how it keeps it from the plans that it runs.

A plan can read files and the environments of processes of its own user (``${__FileToString(/proc/1/environ)}``), and
what a process was started with stays readable in /proc for as long as it lives. So the running engine has the token in
its memory alone, and its memory, environment and descriptors are closed to other processes of its user (``seal``).
"""

import ctypes
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tandem_engine.settings import SettingsError

_VARIABLE: Final = "TANDEM_ENGINE_TOKEN"
_FILE: Final = "TANDEM_ENGINE_TOKEN_FILE"
_DESCRIPTOR: Final = "TANDEM_ENGINE_TOKEN_FD"
# A pipe takes this much without a reader.
_LONGEST: Final = 4096
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_PR_SET_DUMPABLE: Final = 4


def take_token(environment: Mapping[str, str]) -> str | None:
    """The token, from a descriptor, a file or, by starting over, the environment; None when there is none.

    When it stands in the environment, this process becomes the same program without it there, which is handed the
    token through a pipe; then this call does not return. Raises SettingsError.
    """
    given = {name: value for name in (_VARIABLE, _FILE, _DESCRIPTOR) if (value := environment.get(name, "").strip())}
    if len(given) > 1:
        raise SettingsError(f"only one of {', '.join(given)} can be set")
    if _VARIABLE in given:
        _start_over(_valid(given[_VARIABLE], _VARIABLE), environment)
    if _FILE in given:
        return _valid(_read_file(Path(given[_FILE])), _FILE)
    if _DESCRIPTOR in given:
        return _valid(_read_descriptor(given[_DESCRIPTOR]), _DESCRIPTOR)
    return None


def seal() -> None:
    """Close this process's memory, environment and descriptors in /proc to others of its user. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")


def _start_over(token: str, environment: Mapping[str, str]) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, token.encode())
    os.close(write_end)
    os.set_inheritable(read_end, True)
    cleaned = {name: value for name, value in environment.items() if name != _VARIABLE}
    cleaned[_DESCRIPTOR] = str(read_end)
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], cleaned)  # noqa: S606 - the same program; no shell


def _read_file(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            # Whoever mounts it may not let us change it, and then has set its mode.
            if status.st_uid == os.geteuid() and status.st_mode & 0o077:
                os.fchmod(opened.fileno(), 0o600)
            return opened.read(_LONGEST + 1).decode("utf-8", errors="replace").strip()
    except OSError as error:
        raise SettingsError(f"{_FILE} names no file that can be read: {error}") from error


def _read_descriptor(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise SettingsError(f"{_DESCRIPTOR} must be the number of a descriptor, not {text!r}")
    try:
        with os.fdopen(int(text), "rb") as opened:
            return opened.read(_LONGEST + 1).decode("utf-8", errors="replace").strip()
    except OSError as error:
        raise SettingsError(f"{_DESCRIPTOR} names no descriptor that can be read: {error}") from error


def _valid(token: str, source: str) -> str:
    if len(token) > _LONGEST or not _VISIBLE.fullmatch(token):
        raise SettingsError(f"{source} must give a token of 1 to {_LONGEST} visible ASCII characters without blanks")
    return token
