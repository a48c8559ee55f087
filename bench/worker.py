"""A piece of work in a process of its own, done again and again: its time, and the memory of it and nothing else.

The work is made in the new process by a function named at the top of a module (it is pickled by name).
"""

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

Work = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: what the work answered, its seconds by the wall and by the processor, and the peak memory so far."""

    answer: Any
    seconds: float
    cpu_seconds: float
    peak_bytes: int


class WorkFailed(Exception):
    """The work raised in its process; the message is that error's."""


class Worker:
    """``make(*arguments)`` is called once in the new process; each ``turn(*more)`` calls what it returned."""

    def __init__(self, make: Callable[..., Work], *arguments: Any) -> None:
        # Spawned, not forked: the peak memory must not begin with this process's.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def turn(self, *more: Any) -> Turn:
        """Do the work once. Raises WorkFailed."""
        try:
            self._pipe.send(more)
            answer: Turn | str = self._pipe.recv()
        except (EOFError, BrokenPipeError) as gone:
            raise WorkFailed("the worker's process has ended") from gone
        if isinstance(answer, str):
            raise WorkFailed(answer)
        return answer


def peak_bytes() -> int:
    """The most memory that this process ever had resident (Linux's VmHWM, which starts anew with each program)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def _serve(pipe: Connection, make: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
    # What the work logs is no part of the bench's answer; the logger holds the stream itself already.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    work = make(*arguments)
    while True:
        try:
            more = pipe.recv()
        except EOFError:
            return
        began, cpu_began = time.perf_counter(), time.process_time()
        try:
            answer = work(*more)
        except Exception as error:  # noqa: BLE001 - whatever it was, the bench has to hear of it
            pipe.send(f"{type(error).__name__}: {error}")
            continue
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        pipe.send(Turn(answer, seconds, cpu_seconds, peak_bytes()))
