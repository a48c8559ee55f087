"""How the machine that made a load fared: what an engine of ours reports of its JMeter, and of several together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

_Number = TypeVar("_Number", int, float)


MOST_CPU = 0.9
"""Of all cores, on average over a run: beyond it the generator has no room left, and its own waits are measured."""

MOST_GC = 0.2
"""Of a run's time: beyond it the pauses of the generator's collections show in what it measures."""


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """Of one run's JMeter so far. None: not measured.

    ``cpu_mean`` and ``cpu_max`` are shares (0..1) of all ``cores``, over the run and in its busiest seconds. Heap in
    bytes: the largest that remained after a collection, and what there is. ``gc_seconds``: how long collections stopped
    all threads. ``thread_deaths``: threads that ended with an error; ``out_of_memory``: how often the log says
    OutOfMemoryError; ``first_death`` is the first such line. ``dropped_connections``: requests that failed on the
    generator's own machine (no port, no route, no buffer).
    """

    cores: int | None = None
    cpu_mean: float | None = None
    cpu_max: float | None = None
    heap_used_bytes: int | None = None
    heap_max_bytes: int | None = None
    gc_seconds: float | None = None
    gc_share: float | None = None
    gc_longest_ms: float | None = None
    thread_deaths: int = 0
    out_of_memory: int = 0
    first_death: str | None = None
    dropped_connections: int = 0

    @property
    def broke(self) -> str | None:
        """What to do about a generator that did not survive the load, in a sentence; None when it did."""
        if self.out_of_memory:
            return f"OutOfMemoryError: raise heapSize ({_threads(self.thread_deaths)} of the load generator died)"
        if self.thread_deaths:
            said = f": {self.first_death}" if self.first_death else ""
            return f"{_threads(self.thread_deaths)} of the load generator died{said}"
        return None


def healths_together(parts: Sequence[GeneratorHealth | None]) -> GeneratorHealth | None:
    """The generators of one load as one: counts added, of everything else the worst; None when none was measured."""
    told = [part for part in parts if part is not None]
    if len(told) < 2:
        return told[0] if told else None
    return GeneratorHealth(
        cores=_worst([part.cores for part in told]),
        cpu_mean=_worst([part.cpu_mean for part in told]),
        cpu_max=_worst([part.cpu_max for part in told]),
        heap_used_bytes=_worst([part.heap_used_bytes for part in told]),
        heap_max_bytes=_worst([part.heap_max_bytes for part in told]),
        gc_seconds=_worst([part.gc_seconds for part in told]),
        gc_share=_worst([part.gc_share for part in told]),
        gc_longest_ms=_worst([part.gc_longest_ms for part in told]),
        thread_deaths=sum(part.thread_deaths for part in told),
        out_of_memory=sum(part.out_of_memory for part in told),
        first_death=next((part.first_death for part in told if part.first_death), None),
        dropped_connections=sum(part.dropped_connections for part in told),
    )


def _worst(values: Sequence[_Number | None]) -> _Number | None:
    return max((value for value in values if value is not None), default=None)


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
