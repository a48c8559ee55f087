"""What JMeter itself tells, in its output and its log, of a stop that it took and of its tear-down groups."""

import time
from pathlib import Path
from typing import Final

_SHUTDOWN_TAKEN: Final = b"Command: Shutdown received"
_STOP_NOW_TAKEN: Final = b"Command: StopTestNow received"
_TEAR_DOWN: Final = b"Starting tearDown thread groups"
_STEP_BYTES: Final = 4 * 1024 * 1024


class GrowingFile:
    """Counts in a file that grows how often each of some words has stood there."""

    def __init__(self, path: Path, words: tuple[bytes, ...]) -> None:
        self.counts = dict.fromkeys(words, 0)
        self._path = path
        self._read = 0
        self._left = b""
        self._overlap = max(len(word) for word in words) - 1

    def look(self) -> None:
        """Read at most 4 MB more. A file that is not there yet is empty. Raises OSError."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                fresh = file.read(_STEP_BYTES)
        except FileNotFoundError:
            return
        self._read += len(fresh)
        text = self._left + fresh
        for word in self.counts:
            # What lay wholly in the part that was left over was counted then.
            self.counts[word] += text.count(word) - self._left.count(word)
        self._left = text[-self._overlap :]


class RunSigns:
    """The signs of one run. ``tear_down_began``: when its tear-down groups were seen to begin (monotonic seconds)."""

    def __init__(self, output: Path, log: Path) -> None:
        self.tear_down_began: float | None = None
        self._output = GrowingFile(output, (_SHUTDOWN_TAKEN, _STOP_NOW_TAKEN))
        self._log = GrowingFile(log, (_TEAR_DOWN,))

    def look(self) -> None:
        """Read what is new. Raises OSError."""
        self._output.look()
        self._log.look()
        if self.tear_down_began is None and self._log.counts[_TEAR_DOWN]:
            self.tear_down_began = time.monotonic()

    @property
    def shutdown_taken(self) -> bool:
        """Whether JMeter said that it took a Shutdown: a second one would end its tear-down groups."""
        return self._output.counts[_SHUTDOWN_TAKEN] > 0

    @property
    def stops_now_taken(self) -> int:
        """How many StopTestNow JMeter said that it took."""
        return self._output.counts[_STOP_NOW_TAKEN]
