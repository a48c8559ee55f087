"""The directory in which everything of one engine lies, and the only place that its API can reach.

::

    uploads/testplans  uploads/data  uploads/misc     what was uploaded
    uploads/once       uploads for one run: its start takes them away
    work/{random}/     where one JMeter works: its plan and files; gone when the run has ended
    results/{dir}/     results.jtl jmeter.log jmeter.out execution.json events.jsonl
    reports/{dir}/     JMeter's HTML dashboard; the same as one file in reports/{dir}.zip
    cache/             a JMETER_HOME built from the wheels, Java's preferences
    engine.lock        held (flock) by the one engine that works here
"""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Final

from tandem_engine.faults import BadArgument

# The deployed engine keeps its data at /data and clients store such paths, so ours takes them for its own root.
_ALIAS: Final = "/data/"


class DataRootTaken(Exception):
    """Another engine works on this data root."""


class DataRoot:
    """Paths below the data root; ``path`` is absolute and free of links."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path))
        self.testplans = self.path / "uploads" / "testplans"
        self.data = self.path / "uploads" / "data"
        self.misc = self.path / "uploads" / "misc"
        self.once = self.path / "uploads" / "once"
        self.work = self.path / "work"
        self.results = self.path / "results"
        self.reports = self.path / "reports"
        self.cache = self.path / "cache"
        self._lock_fd: int | None = None

    def prepare(self) -> None:
        """Create the directories and take the lock. Raises OSError, and DataRootTaken when another engine has it."""
        for directory in (
            *(self.testplans, self.data, self.misc, self.once, self.work),
            *(self.results, self.reports, self.cache),
        ):
            directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / "engine.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Who can open it can hold it, and so keep the next engine from starting; earlier ones let everybody.
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise DataRootTaken(f"another engine is working on {self.path}") from None
        self._lock_fd = descriptor
        self._remove_what_was_left_half_done()

    def _remove_what_was_left_half_done(self) -> None:
        for half in self.path.glob("uploads/.*.upload"):
            half.unlink()
        for half in self.cache.glob(".*.tmp"):
            shutil.rmtree(half, ignore_errors=True)

    def release(self) -> None:
        """Give the lock back."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def find_file(self, field: str, text: str) -> Path:
        """The existing file that a caller names: relative to the root, below it, or by the alias ``/data/``.

        Raises BadArgument, naming the field, for what is unknown, no file, or outside the root (also by a link).
        """
        if not text or "\0" in text or len(text) > 4096:
            raise BadArgument(f"{field} must be the path of a file below the data root")
        candidate = Path(text)
        if candidate.is_absolute() and not candidate.is_relative_to(self.path) and text.startswith(_ALIAS):
            candidate = Path(text[len(_ALIAS) :])
            if candidate.is_absolute():
                raise BadArgument(f"{field} must lie below the data root: {text}")
        try:
            found = Path(os.path.realpath(self.path / candidate, strict=True))
        except (OSError, ValueError):
            # A path that would lead outside gets the same answer whether or not something is there.
            raise BadArgument(f"{field} names no file that the engine has: {text}") from None
        if not found.is_relative_to(self.path) or not found.is_file():
            raise BadArgument(f"{field} names no file that the engine has: {text}")
        return found

    def below(self, base: Path, relative: str) -> Path | None:
        """The regular file ``relative`` below ``base``, or None when there is none or it would lie elsewhere."""
        if "\0" in relative:
            return None
        try:
            found = Path(os.path.realpath(base / relative, strict=True))
        except (OSError, ValueError):
            return None
        return found if found.is_relative_to(base) and found != base and found.is_file() else None
