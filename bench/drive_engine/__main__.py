"""python -m bench.drive_engine: our engine beside bare JMeter, ten live result files, ten runs at once."""

import os
import tempfile
from pathlib import Path
from statistics import median

from tandem_engine.jmeter_home import JMeter, find_jmeter

from bench.arguments import smoke_wanted, tell
from bench.drive_engine.following import FILES, FOLLOWED_EVERY, ROUNDS, make_follower, make_growth, make_reader
from bench.drive_engine.jmeter_runs import Load, peak_of, run_bare, run_on_engine, start_all_bare, start_all_on_engine
from bench.report import Bound, Report, number, spread
from bench.worker import Worker
from tests.engine.engine_process import EngineProcess

PAIRS = 3
AT_ONCE = 10
SAMPLES_A_SECOND = 500
LONG = Load(threads=20, loops=1_500, sleep_ms=4)
SHORT = Load(threads=1, loops=200, sleep_ms=20)
SMOKE_LONG = Load(threads=2, loops=20, sleep_ms=4)


def measure(load: Load, pairs: int, at_once: int) -> Report:
    """Run the bench on an engine of its own."""
    report = Report(
        "Engine: what it adds to JMeter (`bench.drive_engine`)",
        f"A plan of {load.threads} threads whose samples sleep {load.sleep_ms} ms, {load.loops:,} each, so that JMeter "
        f"itself is what is measured: {pairs} runs on bare JMeter (its own defaults) and {pairs} on our engine, turn "
        "about, each in a JVM of its own.",
    )
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as name:
        directory = Path(name)
        jmeter = find_jmeter(os.environ, directory / "jmeter")
        home = jmeter.jar.parent.parent if jmeter.jar is not None else directory
        with EngineProcess(directory / "data", home, max_runs=str(at_once)) as engine:
            _compare_runs(report, jmeter, engine, load, pairs, directory)
            _start_at_once(report, jmeter, engine, at_once, directory)
        _follow(report, directory)
    return report


def _compare_runs(
    report: Report, jmeter: JMeter, engine: EngineProcess, load: Load, pairs: int, directory: Path
) -> None:
    runs = [(run_bare(jmeter, load, directory / f"alone-{pair}"), run_on_engine(engine, load)) for pair in range(pairs)]
    table = report.table("way", "requests/s", "peak MB of JMeter", "peak MB of the engine")
    bare, ours = [each for each, _ in runs], [each for _, each in runs]
    for way, reached, own in (("bare JMeter", bare, "-"), ("our engine", ours, number(peak_of(engine.pid) / 1e6))):
        memory = spread([each.peak_bytes / 1e6 for each in reached])
        table.add(way, spread([each.per_second for each in reached]), memory, own)
    ratio = median(ours.per_second / bare.per_second for bare, ours in runs)
    report.claim("requests/s on our engine, of bare JMeter's", ratio, Bound.AT_LEAST, 0.9)
    memory_ratio = median(ours.peak_bytes / bare.peak_bytes for bare, ours in runs)
    report.claim("memory of JMeter under our engine, of bare JMeter's", memory_ratio, Bound.AT_MOST, 1.1)
    if any(each.samples != load.threads * load.loops for each in bare + ours):
        raise RuntimeError("a run has not sent all its samples")


def _start_at_once(report: Report, jmeter: JMeter, engine: EngineProcess, count: int, directory: Path) -> None:
    # The floor goes first: afterwards the engine makes dashboards, which would slow it down.
    floor = start_all_bare(jmeter, SHORT, count, directory)
    answered, first = start_all_on_engine(engine, SHORT, count)
    table = report.table(f"{count} starts at once", "s")
    table.add("until a start was answered", spread(answered))
    table.add("until all had a sample, on our engine", number(first))
    table.add("until all had a sample, as many JMeters without it (floor)", number(floor))
    report.claim(f"{count} runs at once: all sampling, times JMeter without it", first / floor, Bound.AT_MOST, 1.3)


def _follow(report: Report, directory: Path) -> None:
    place = directory / "growing"
    place.mkdir()
    with (
        Worker(make_growth, str(place), SAMPLES_A_SECOND) as growth,
        Worker(make_follower, str(place)) as ours,
        Worker(make_reader, str(place)) as floor,
    ):
        written = 0
        mine, least = [], []
        for _ in range(ROUNDS):
            written += growth.turn().answer
            followed, read = ours.turn(), floor.turn()
            if (followed.answer, read.answer) != (written, written):
                raise RuntimeError(f"{written} samples written, {followed.answer} followed, {read.answer} read")
            mine.append(followed.cpu_seconds)
            least.append(read.cpu_seconds)
    share = median(mine) / FOLLOWED_EVERY
    table = report.table(f"following {FILES} files of {SAMPLES_A_SECOND} samples/s each", "% of a core")
    table.add("ours", number(share * 100))
    table.add("the same bytes read, their lines counted (floor)", number(median(least) / FOLLOWED_EVERY * 100))
    report.claim(f"following {FILES} live result files, of a core", share, Bound.AT_MOST, 0.1)


if __name__ == "__main__":
    wanted = (SMOKE_LONG, 1, 2) if smoke_wanted(__doc__) else (LONG, PAIRS, AT_ONCE)
    tell(lambda: measure(*wanted))
