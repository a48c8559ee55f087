"""How the machine that makes a load fares: JMeter's processor time, its heap, and what its log says of dying threads.

All of it is cheap: a look once a second at ``/proc``, and of the log files only what was added since the last look.
"""

import contextlib
import os
import re
import time
from pathlib import Path
from typing import Any, Final

GC_LOG: Final = "gc.log"

_LOOK_EVERY: Final = 1.0
_BUSIEST_OVER: Final = 5.0
_STEP_BYTES: Final = 1024 * 1024
_LONGEST_LINE: Final = 64 * 1024
_LONGEST_DEATH: Final = 200
_GC_LOG_BYTES: Final = "4m"
_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_UNITS: Final = {b"B": 1, b"K": 1024, b"M": 1024**2, b"G": 1024**3}
# [12.345s] GC(7) Pause Young (Allocation Failure) 34M->12M(123M) 4.567ms
_PAUSE: Final = re.compile(rb"GC\(\d+\) Pause .*?\d+[BKMG]->(\d+)([BKMG])\(\d+[BKMG]\) (\d+(?:\.\d+)?)ms")
# A log line of JMeter, or what the JVM itself prints of a thread that ended with an error.
_OUT_OF_MEMORY: Final = re.compile(
    rb"^(?:Caused by: )?java\.lang\.OutOfMemoryError\b"
    rb"|^(?:\S+ \S+ (?:ERROR|FATAL) |Exception in thread |Exception: |Uncaught Exception )"
    rb".*java\.lang\.OutOfMemoryError\b"
)
_DEATH: Final = re.compile(
    rb"^\S+ \S+ (?:ERROR|FATAL) o\.a\.j\.(?:JMeter|t\.JMeterThread): (?:Uncaught exception|Test failed!)"
    rb"|^Uncaught Exception |^Exception in thread |^Exception: .* thrown from the UncaughtExceptionHandler",
    re.IGNORECASE,
)


def gc_log_arguments(java: Path | None, directory: Path) -> list[str]:
    """JVM arguments that make it log its collections below ``directory``; none for a Java that cannot, or may not."""
    path = directory / GC_LOG
    if java is None or not _logs_collections(java) or any(special in str(path) for special in ':," '):
        return []
    return [f"-Xlog:gc:file={path}:uptime:filecount=1,filesize={_GC_LOG_BYTES}"]


class _Lines:
    """The whole lines that were added to a file since the last look; one that begins anew is read anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rest = b""

    def fresh(self) -> list[bytes]:
        try:
            # A plan may have put something else there: a link leads nowhere, and a pipe is not waited for.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(self._path, flags), "rb") as file:
                if file.seek(0, os.SEEK_END) < self._read:
                    self._read, self._rest = 0, b""
                file.seek(self._read)
                piece = file.read(_STEP_BYTES)
        except OSError:
            # Figures of health are good to have; without the file there are none.
            return []
        self._read += len(piece)
        *lines, rest = (self._rest + piece).split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        return lines


class GeneratorWatch:
    """Of one run. Not safe for two threads at once."""

    def __init__(self, heap_bytes: int | None, log: Path, output: Path, gc_log: Path) -> None:
        self._heap_bytes = heap_bytes
        self._logs = [_Lines(log), _Lines(output)]
        self._gc_log = _Lines(gc_log)
        self._looked_at = float("-inf")
        self._cores = len(os.sched_getaffinity(0))
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None
        self._busy_from: tuple[float, float] | None = None
        self._cpu_max: float | None = None
        self._heap_used: int | None = None
        self._gc_ms: float | None = None
        self._gc_longest = 0.0
        # JMeter tells a death in its log and once more in its output: of the two the larger number counts.
        self._deaths = [0, 0]
        self._memory_signs = [0, 0]
        self._first_death: str | None = None

    def look(self, pid: int | None, *, ending: bool = False) -> None:
        """Look again, if the last look is a second old. ``pid``: of JMeter, or of the script that started it.

        ``ending``: it was asked to stop, and threads that are cut off in their work may say so.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        if pid is not None:
            self._look_at_processor(pid, now)
        self._read_logs(ending=ending)

    def finish(self, *, ending: bool = False) -> None:
        """Read what the files hold besides, once JMeter is gone."""
        while self._read_logs(ending=ending):
            pass

    @property
    def thread_deaths(self) -> int:
        return max(self._deaths)

    @property
    def out_of_memory(self) -> bool:
        return any(self._memory_signs)

    @property
    def broke(self) -> str | None:
        """What is to be said of a JMeter of which threads died, in a sentence; None when none did."""
        if self.out_of_memory:
            return f"OutOfMemoryError: raise heapSize ({_threads(self.thread_deaths)} of JMeter died)"
        return f"{_threads(self.thread_deaths)} of JMeter died" if self.thread_deaths else None

    def figures(self, dropped_connections: int) -> dict[str, Any]:
        """As they travel: shares 0..1 of all cores, heap in bytes, null where nothing was measured."""
        mean = lasted = None
        if self._first is not None and self._last is not None and self._last[0] > self._first[0]:
            lasted = self._last[0] - self._first[0]
            mean = (self._last[1] - self._first[1]) / lasted / self._cores
        return {
            "cores": self._cores,
            "cpuMean": None if mean is None else round(mean, 4),
            "cpuMax": None if self._cpu_max is None else round(self._cpu_max, 4),
            "heapUsedBytes": self._heap_used,
            "heapMaxBytes": self._heap_bytes,
            "gcSeconds": None if self._gc_ms is None else round(self._gc_ms / 1000, 4),
            "gcShare": None if self._gc_ms is None or not lasted else round(min(self._gc_ms / 1000 / lasted, 1.0), 4),
            "gcLongestMs": None if self._gc_ms is None else self._gc_longest,
            "threadDeaths": self.thread_deaths,
            "outOfMemory": max(self._memory_signs),
            "firstDeath": self._first_death,
            "droppedConnections": dropped_connections,
        }

    def _look_at_processor(self, pid: int, now: float) -> None:
        spent = sum(_processor_seconds(each) for each in _with_children(pid))
        if self._last is not None and spent < self._last[1]:
            # A child has ended, and what it spent is not counted any more.
            return
        look = now, spent
        self._first = self._first or look
        self._last = look
        self._busy_from = self._busy_from or look
        lasted = now - self._busy_from[0]
        if lasted >= _BUSIEST_OVER:
            share = (spent - self._busy_from[1]) / lasted / self._cores
            self._cpu_max = max(self._cpu_max or 0.0, share)
            self._busy_from = look

    def _read_logs(self, *, ending: bool) -> bool:
        """Whether there was anything new."""
        found = False
        for number, log in enumerate(self._logs):
            for line in log.fresh():
                found = True
                self._read_line(number, line, ending=ending)
        for line in self._gc_log.fresh():
            found = True
            if pause := _PAUSE.search(line):
                used = int(pause[1]) * _UNITS[pause[2]]
                self._heap_used = max(self._heap_used or 0, used)
                self._gc_ms = (self._gc_ms or 0.0) + float(pause[3])
                self._gc_longest = max(self._gc_longest, float(pause[3]))
        return found

    def _read_line(self, number: int, line: bytes, *, ending: bool) -> None:
        exhausted = _OUT_OF_MEMORY.search(line) is not None
        died = _DEATH.search(line) is not None and (exhausted or not ending)
        self._deaths[number] += died
        self._memory_signs[number] += exhausted
        # The line that names the error says more than the one that only says that a thread ended with one.
        says_more = exhausted and b"OutOfMemoryError" not in (self._first_death or "").encode()
        if says_more or (died and self._first_death is None):
            self._first_death = " ".join(line.decode("utf-8", errors="replace").split())[:_LONGEST_DEATH]


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _with_children(pid: int) -> list[int]:
    """The process and those that it started, and they."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError, ValueError):
            found += [int(child) for child in (_PROC / f"{each}/task/{each}/children").read_text("ascii").split()]
    return found


def _processor_seconds(pid: int) -> float:
    try:
        fields = (_PROC / str(pid) / "stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _logs_collections(java: Path) -> bool:
    """Whether this Java has unified logging, which came with Java 9; its ``release`` file says which Java it is."""
    try:
        release = (java.resolve().parent.parent / "release").read_text("utf-8", errors="replace")
    except OSError:
        return False
    version = re.search(r'^JAVA_VERSION="?(\d+)', release, re.MULTILINE)
    return version is not None and int(version[1]) >= 9
