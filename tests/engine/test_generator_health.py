"""What the engine reads of its JMeter's health from log files that grow, and from /proc."""

import os
import time
from pathlib import Path

import pytest
from tandem_engine.generator_health import GC_LOG, GeneratorWatch, gc_log_arguments

DEATH = (
    "2026-11-29 12:00:01,000 ERROR o.a.j.JMeter: Uncaught exception in thread Thread[Users 1-{n},6,main]\n"
    "java.lang.OutOfMemoryError: Java heap space\n"
    "\tat org.apache.jmeter.samplers.SampleResult.setResponseData(SampleResult.java:1)\n"
)
SAID = (
    "Uncaught Exception java.lang.OutOfMemoryError: Java heap space in thread Thread[Users 1-{n},6,main]. "
    "See log file for details.\n"
)


@pytest.fixture
def watch(tmp_path: Path) -> GeneratorWatch:
    return GeneratorWatch(64 * 1024**2, tmp_path / "jmeter.log", tmp_path / "jmeter.out", tmp_path / GC_LOG)


def test_a_death_that_log_and_output_tell_counts_once(watch: GeneratorWatch, tmp_path: Path) -> None:
    (tmp_path / "jmeter.log").write_text("".join(DEATH.format(n=number) for number in range(3)))
    (tmp_path / "jmeter.out").write_text("".join(SAID.format(n=number) for number in range(3)))
    watch.finish()
    figures = watch.figures(4)
    assert (figures["threadDeaths"], figures["outOfMemory"], figures["droppedConnections"]) == (3, 3, 4)
    assert watch.broke == "OutOfMemoryError: raise heapSize (3 threads of JMeter died)"
    assert figures["firstDeath"] == "java.lang.OutOfMemoryError: Java heap space"


def test_lines_are_read_once_and_half_a_line_waits(watch: GeneratorWatch, tmp_path: Path) -> None:
    log = tmp_path / "jmeter.log"
    whole = DEATH.format(n=1)
    log.write_text(whole[:120])
    watch.finish()
    with log.open("a") as file:
        file.write(whole[120:])
    watch.finish()
    watch.finish()
    assert (watch.thread_deaths, watch.out_of_memory) == (1, True)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-29 12:00:01,000 INFO o.a.j.e.J.Script: the service said java.lang.OutOfMemoryError\n",
        "2026-11-29 12:00:01,000 WARN o.a.j.p.h.s.HTTPHC4Impl: Uncaught exception\n",
        "2026-11-29 12:00:01,000 ERROR o.a.j.u.JSR223TestElement: Problem in JSR223 script\n",
        "the body of an answer: Uncaught exception, Test failed!\n",
    ],
)
def test_what_others_say_is_no_death(watch: GeneratorWatch, tmp_path: Path, line: str) -> None:
    (tmp_path / "jmeter.log").write_text(line)
    watch.finish()
    assert watch.broke is None


def test_threads_that_are_cut_off_by_a_stop_did_not_die(watch: GeneratorWatch, tmp_path: Path) -> None:
    (tmp_path / "jmeter.log").write_text("2026-11-29 12:00:01,000 ERROR o.a.j.t.JMeterThread: Test failed!\n")
    watch.finish(ending=True)
    assert watch.broke is None


def test_a_thread_that_failed_by_itself_died(watch: GeneratorWatch, tmp_path: Path) -> None:
    (tmp_path / "jmeter.log").write_text("2026-11-29 12:00:01,000 ERROR o.a.j.t.JMeterThread: Test failed!\n")
    watch.finish()
    assert watch.broke == "1 thread of JMeter died"


def test_collections_are_added_up(watch: GeneratorWatch, tmp_path: Path) -> None:
    (tmp_path / GC_LOG).write_text(
        "[0.011s] Using Serial\n"
        "[1.200s] GC(0) Pause Young (Allocation Failure) 34M->12M(61M) 4.500ms\n"
        "[2.200s] GC(1) Pause Full (Allocation Failure) 60M->50176K(61M) 95.250ms\n"
        "[2.300s] GC(2) Concurrent Mark 3.000ms\n"
    )
    watch.finish()
    figures = watch.figures(0)
    assert (figures["heapUsedBytes"], figures["heapMaxBytes"]) == (50176 * 1024, 64 * 1024**2)
    assert (figures["gcSeconds"], figures["gcLongestMs"]) == (0.0998, 95.25)


def test_a_log_that_begins_anew_is_read_anew(watch: GeneratorWatch, tmp_path: Path) -> None:
    log = tmp_path / GC_LOG
    log.write_text("[1.2s] GC(0) Pause Young (x) 3M->1M(6M) 4.0ms\n[1.3s] GC(1) Pause Young (x) 3M->1M(6M) 4.0ms\n")
    watch.finish()
    log.write_text("[9.2s] GC(9) Pause Young (x) 3M->2M(6M) 2.0ms\n")
    watch.finish()
    assert watch.figures(0)["gcSeconds"] == 0.01


def test_processor_time_is_a_share_of_all_cores(watch: GeneratorWatch) -> None:
    watch.look(os.getpid())
    until = time.monotonic() + 1.2
    while time.monotonic() < until:
        pass
    watch.look(os.getpid())
    figures = watch.figures(0)
    assert 0 < figures["cpuMean"] <= 1
    assert figures["cores"] >= 1


def test_nothing_is_measured_of_what_is_not_there(watch: GeneratorWatch) -> None:
    watch.look(None)
    figures = watch.figures(0)
    assert (figures["cpuMean"], figures["heapUsedBytes"], figures["gcSeconds"], figures["gcShare"]) == (None,) * 4


@pytest.mark.parametrize(("version", "logs"), [("1.8.0_392", False), ("11.0.2", True), ("21.0.8", True)])
def test_only_a_java_that_can_is_asked_to_log_its_collections(tmp_path: Path, version: str, logs: bool) -> None:
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch()
    (tmp_path / "java" / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    assert bool(gc_log_arguments(java, tmp_path)) is logs
    assert gc_log_arguments(None, tmp_path) == []
