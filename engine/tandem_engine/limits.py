"""What a run may not take, because the machine has not got it: heap beyond its memory, the last of its disk."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tandem_engine.execution import EndCause
from tandem_engine.faults import BadArgument, Full
from tandem_engine.settings import bytes_of_heap

_RETRY_AFTER: Final = 60
_CGROUP_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_of_machine() -> int:
    """How many bytes of memory there are for this container or machine."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _CGROUP_LIMITS:
        try:
            text = Path(file).read_text("ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            return min(total, int(text))
    return total


def check_heap(heap_size: str, jvm_args: Mapping[str, str], most: int) -> None:
    """``most`` in bytes. Raises BadArgument that names the field whose heap is larger."""
    given = {"heapSize": heap_size} | {f"jvmArgs.{key}": jvm_args[key] for key in ("-Xmx", "-Xms") if key in jvm_args}
    for field, size in given.items():
        if bytes_of_heap(size) > most:
            raise BadArgument(f"{field} must be at most {most // 1024**2}m on this engine, not {size}")


def no_more_room(results: Path, most: int, least_free: int) -> EndCause | None:
    """Why a run must end for want of room: its result file beyond ``most`` bytes, or less than ``least_free`` left.

    Raises OSError.
    """
    if results.exists() and results.stat().st_size > most:
        return EndCause.RESULT_SIZE
    # What else its plan writes fills the disk as well.
    return EndCause.DISK_FULL if shutil.disk_usage(results.parent).free < least_free else None


def check_disk(directory: Path, least: int) -> None:
    """Raises Full while the disk has fewer than ``least`` free bytes: a run that fills it takes all others along."""
    free = shutil.disk_usage(directory).free
    if free < least:
        raise Full(
            f"the engine's disk has {free // 1024**2} MB free, a start needs {least // 1024**2} MB: delete old results",
            _RETRY_AFTER,
        )
