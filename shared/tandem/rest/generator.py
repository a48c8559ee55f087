"""The view of how the machines that made a load fared."""

from typing import Annotated

from pydantic import Field

from tandem.domain.generator_health import GeneratorHealth
from tandem.rest.parameters import Document

Share = Annotated[float | None, Field(description="0..1")]


class GeneratorView(Document):
    """The load generator: processor time as a share of all its cores, heap, collections, threads that died.

    Of a load on several engines counts are added, and of everything else it is the worst. Null: not measured.
    """

    cores: int | None
    cpu_mean: Share
    cpu_max: Annotated[float | None, Field(description="0..1, of the busiest 5 s.")]
    heap_used_bytes: Annotated[int | None, Field(description="The most that remained after a collection.")]
    heap_max_bytes: int | None
    gc_seconds: Annotated[float | None, Field(description="How long collections stopped all threads, in all.")]
    gc_share: Share
    gc_longest_ms: float | None
    thread_deaths: int
    out_of_memory: Annotated[int, Field(description="How often its log says OutOfMemoryError.")]
    first_death: str | None
    dropped_connections: Annotated[int, Field(description="Requests that failed on its own machine.")]

    @classmethod
    def of(cls, health: GeneratorHealth | None) -> "GeneratorView | None":
        if health is None:
            return None
        return cls.model_construct(
            cores=health.cores,
            cpu_mean=health.cpu_mean,
            cpu_max=health.cpu_max,
            heap_used_bytes=health.heap_used_bytes,
            heap_max_bytes=health.heap_max_bytes,
            gc_seconds=health.gc_seconds,
            gc_share=health.gc_share,
            gc_longest_ms=health.gc_longest_ms,
            thread_deaths=health.thread_deaths,
            out_of_memory=health.out_of_memory,
            first_death=health.first_death,
            dropped_connections=health.dropped_connections,
        )
