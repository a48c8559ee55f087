"""A discrete-event simulation: virtual time, processes that take turns, and a kill after any side effect.

A process runs real code in a greenlet, or in several side by side, its threads. It gives way before each thing it does
to the outside (``approach``), and another thread or process may go first; after each thing done (``done``) it may be
killed, with all its threads. Everything follows from the seed.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet
from tandem.domain.timestamps import to_millis

EPOCH = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
TURNS = (0.0, 0.0, 0.001, 0.001, 0.01, 0.1)
"""How long a process may take until its next effect, in seconds; one of them at random."""
LONG_TURN_SECONDS = 6.0
"""Now and then a process is frozen for up to so long."""

T = TypeVar("T")


class Killed(BaseException):
    """The process ends here, without a word; no ``except Exception`` sees it."""


@dataclass(slots=True, order=True)
class _Due:
    at: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Simulation:
    """Time, turns and kills. ``now`` and all delays are in seconds since the beginning."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.trace: list[str] = []
        self.effects = 0
        self.kills = 0
        self.kill_after: set[int] = set()
        self.before_effect: Callable[[Process, str], None] = _nothing
        self.after_effect: Callable[[Process, str], None] = _nothing
        self.processes: list[Process] = []
        self._due: list[_Due] = []
        self._number = 0
        self._main = getcurrent()

    # --- time -------------------------------------------------------------------------------------------------------

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let ``act`` happen after so many seconds; what falls on the same moment keeps its order."""
        self._number += 1
        heapq.heappush(self._due, _Due(self.now + seconds, self._number, act))

    def run_for(self, seconds: float) -> None:
        """Let time pass, with all that happens in it."""
        until = self.now + seconds
        while self._due and self._due[0].at <= until:
            due = heapq.heappop(self._due)
            self.now = max(self.now, due.at)
            due.act()
        self.now = until

    def say(self, words: str) -> None:
        """Add a line to the trace."""
        process = self.current
        self.trace.append(f"{self.now:9.3f} {process.name if process else '-'}: {words}")

    # --- processes --------------------------------------------------------------------------------------------------

    @property
    def current(self) -> "Process | None":
        running = getcurrent()
        return running.process if isinstance(running, _Greenlet) else None

    def begin(
        self, name: str, work: Callable[[], Any], ended: "Callable[[Process], None]", limit: float | None = None
    ) -> "Process":
        """Start a process at the next turn; it is killed when it lasts longer than ``limit``."""
        process = Process(self, name, work, ended, self._main)
        self.processes.append(process)
        self.after(self.turn(), process.waker())
        if limit is not None:
            self.after(limit, lambda: process.kill(f"its {limit:g} s are over"))
        return process

    def approach(self, effect: str) -> None:
        """Give way before an effect; others may act meanwhile."""
        process = self.current
        if process is None:
            return
        process.check()
        self.before_effect(process, effect)
        self.pause(self.turn())
        self.say(f"> {effect}")

    def done(self, effect: str) -> None:
        """An effect has happened: the point at which a process may be killed."""
        process = self.current
        if process is None:
            return
        self.effects += 1
        if self.effects in self.kill_after:
            process.die(f"killed after {effect}")
        self.after_effect(process, effect)
        process.check()

    def side_by_side(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """Do all of them at the same time and wait for the last; outside of a process one after the other.

        What one raises is raised when all are done, the first one's of several.
        """
        process = self.current
        if process is None or len(works) < 2:
            return [work() for work in works]
        return process.side_by_side(works)

    def pause(self, seconds: float) -> None:
        """Let time pass for this process's thread; outside of one nothing passes."""
        process = self.current
        if process is None:
            return
        process.check()
        self.after(seconds, process.waker())
        self.park()

    def park(self) -> None:
        """Wait until a waker of this process is called."""
        process = self.current
        assert process is not None, "only a process can wait"
        self._main.switch()
        process.check()

    def kill_everything(self, why: str) -> None:
        """End all processes, as the end of the machine does."""
        for process in list(self.processes):
            process.kill(why)

    def forget_everything_due(self) -> None:
        """Drop what would still happen."""
        self._due.clear()

    def turn(self) -> float:
        """How long somebody takes until its next effect."""
        if self.random.random() < 0.01:
            return self.random.uniform(0, LONG_TURN_SECONDS)
        return self.random.choice(TURNS)


def _nothing(_process: "Process", _effect: str) -> None:
    """What is done around an effect when no life asks for more."""


class _Greenlet(greenlet):
    """One thread of a process; ``wakes`` counts the waits that it has ended."""

    def __init__(self, process: "Process", body: Callable[[], None], parent: greenlet) -> None:
        super().__init__(body, parent)
        self.process = process
        self.wakes = 0


class Process:
    """One running piece of code. ``result`` or ``error`` is there when it has ended; ``killed`` says that it was."""

    def __init__(
        self,
        simulation: Simulation,
        name: str,
        work: Callable[[], Any],
        ended: Callable[["Process"], None],
        parent: greenlet,
    ) -> None:
        self.name = name
        self.result: Any = None
        self.error: Exception | None = None
        self.killed = False
        self.ended = False
        self._simulation = simulation
        self._work = work
        self._when_ended = ended
        self._parent = parent
        self._first = _Greenlet(self, self._body, parent)
        self._others: list[_Greenlet] = []

    def _body(self) -> None:
        try:
            self.result = self._work()
        except Killed:
            self.killed = True
        except Exception as error:  # noqa: BLE001 - a Lambda takes any exception for its answer
            self.error = error
        self._end()

    def side_by_side(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """As ``Simulation.side_by_side``; the caller is a thread of this process."""
        results: dict[int, T] = {}
        errors: dict[int, Exception] = {}
        wake = self.waker()

        def work_off(number: int) -> None:
            try:
                results[number] = works[number]()
            except Killed:
                return
            except Exception as error:  # noqa: BLE001 - it is raised where all are waited for
                errors[number] = error
            if len(results) + len(errors) == len(works):
                self._simulation.after(0, wake)

        for number in range(len(works)):
            thread = _Greenlet(self, partial(work_off, number), self._parent)
            self._others.append(thread)
            self._simulation.after(self._simulation.turn(), self._waker_of(thread))
        self._simulation.park()
        self._others = [thread for thread in self._others if not thread.dead]
        if errors:
            raise errors[min(errors)]
        return [results[number] for number in range(len(works))]

    def waker(self) -> Callable[[], None]:
        """What ends the wait that the calling thread is in or about to begin; it does nothing after that wait.

        From outside: the wait of the first thread, such as that for its beginning.
        """
        running = getcurrent()
        return self._waker_of(running if isinstance(running, _Greenlet) and running.process is self else self._first)

    def _waker_of(self, thread: _Greenlet) -> Callable[[], None]:
        mine = thread.wakes

        def wake() -> None:
            if not self.ended and mine == thread.wakes:
                thread.wakes += 1
                thread.switch()

        return wake

    def kill(self, why: str) -> None:
        """End the process from outside, wherever it waits."""
        if self.ended:
            return
        self.killed = True
        self._simulation.trace.append(f"{self._simulation.now:9.3f} {self.name}: killed, {why}")
        self._end_threads()

    def _end_threads(self) -> None:
        for thread in [*self._others, self._first]:
            if thread:
                thread.throw(Killed())
        if not self.ended:
            self._end()

    def _end(self) -> None:
        self.ended = True
        self._simulation.processes.remove(self)
        self._simulation.after(0, lambda: self._when_ended(self))

    def die(self, why: str) -> None:
        """End the process that is running now."""
        self.killed = True
        self._simulation.kills += 1
        self._simulation.say(why)
        # The others end when this one is out of the way: only from outside can one thread after another be ended.
        if self._others:
            self._simulation.after(0, self._end_threads)
        raise Killed

    def check(self) -> None:
        """A killed process does nothing any more, not even in its ``finally``."""
        if self.killed:
            raise Killed


class SimulatedClock:
    """The Clock port."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def now(self) -> datetime:
        return to_millis(EPOCH + timedelta(seconds=self._simulation.now))

    def sleep(self, seconds: float) -> None:
        self._simulation.pause(seconds)


class CountedIds:
    """The Ids port: the same ids for the same seed."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:032x}"
