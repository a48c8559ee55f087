"""What a generator's health means, of one engine and of several together."""

from tandem.domain.generator_health import MOST_CPU, GeneratorHealth, healths_together
from tandem.domain.verdict_reasons import ReasonCode, generator_broke, generator_strained


def test_threads_that_died_broke_the_generator() -> None:
    assert GeneratorHealth().broke is None
    told = GeneratorHealth(thread_deaths=1, out_of_memory=2).broke
    assert told == "OutOfMemoryError: raise heapSize (1 thread of the load generator died)"
    died = GeneratorHealth(thread_deaths=2, first_death="Test failed!")
    assert died.broke == "2 threads of the load generator died: Test failed!"
    reason = generator_broke(died)
    assert reason is not None
    assert reason.code is ReasonCode.GENERATOR_SATURATED


def test_a_generator_without_room_is_strained() -> None:
    assert generator_strained(GeneratorHealth()) is None
    assert generator_strained(GeneratorHealth(cpu_mean=MOST_CPU, gc_share=0.2)) is None
    busy = generator_strained(GeneratorHealth(cpu_mean=0.96))
    assert busy is not None
    assert busy.message == "the load generator used 96% of its cores on average, at most 90% leaves room"
    pausing = generator_strained(GeneratorHealth(gc_share=0.4))
    assert pausing is not None
    assert pausing.values["case"] == "COLLECTIONS"


def test_of_several_engines_counts_are_added_and_the_worst_of_the_rest_is_told() -> None:
    first = GeneratorHealth(cores=2, cpu_mean=0.5, thread_deaths=1, dropped_connections=3)
    second = GeneratorHealth(cores=8, cpu_mean=0.9, gc_share=0.1, thread_deaths=2, first_death="x")
    both = healths_together([first, None, second])
    assert both == GeneratorHealth(
        cores=8, cpu_mean=0.9, gc_share=0.1, thread_deaths=3, first_death="x", dropped_connections=3
    )
    assert healths_together([None]) is None
    assert healths_together([first]) == first
