"""Which JMeter processes of an engine are alive, as the operating system tells it."""

from __future__ import annotations

from pathlib import Path

_PROCESSES = Path("/proc")


def jmeter_processes(engine_directory: Path) -> list[int]:
    """Ids of the Java processes that work below an engine's data directory. Empty where there is no /proc."""
    found = []
    for entry in _PROCESSES.glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            # It ended while we looked, or is somebody else's.
            continue
        if Path(arguments[0].decode(errors="replace")).name == "java" and any(
            str(engine_directory).encode() in argument for argument in arguments
        ):
            found.append(int(entry.name))
    return sorted(found)
