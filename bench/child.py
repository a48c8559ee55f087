"""A program run to its end, with what the operating system says that it cost."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter


class ChildFailed(Exception):
    """The program ended with another status than 0; the message holds the end of what it wrote."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Seconds by the wall and by the processor, and the peak memory, of one program."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run_child(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> Ended:
    """Run a program to its end. Raises ChildFailed.

    Its peak memory is at least that of this process, which it begins as a copy of.
    """
    output = directory / "output.txt"
    began = perf_counter()
    with output.open("wb") as sink:
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=sink, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ChildFailed(f"{command[0]} ended with {process.returncode}: {output.read_text(errors='replace')[-2000:]}")
    return Ended(perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
