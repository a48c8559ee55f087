"""Runs of one plan: on bare JMeter, and on our engine over the same JMeter."""

import contextlib
import csv
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tandem_engine.jmeter_home import JMeter

from tests.engine.engine_process import EngineProcess, eventually

PLAN = Path(__file__).resolve().parents[2] / "tests" / "engine" / "plans" / "java_sampler.jmx"
# What JMeter's own start script gives it, but for the heap, which is the engine's default in these runs.
_BARE_JVM = ("-Xms128m", "-Xmx512m")
# What the engine gives a run (command_line.py), so that nothing but the engine differs.
_ENGINES_JVM = ("-Xms128m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True, slots=True)
class Load:
    """How a plan is run: threads, samples of each, and how long one lasts (ms)."""

    threads: int
    loops: int
    sleep_ms: int

    @property
    def properties(self) -> dict[str, str]:
        return {"threads": str(self.threads), "loops": str(self.loops), "sleep": str(self.sleep_ms)}


@dataclass(frozen=True, slots=True)
class Reached:
    """What a run reached: samples a second over its own span, the peak memory of its JMeter, its first sample."""

    samples: int
    per_second: float
    peak_bytes: int
    first_sample: float


def run_bare(jmeter: JMeter, load: Load, directory: Path) -> Reached:
    """One run of JMeter alone, from a command line as its manual has it."""
    directory.mkdir()
    process = _start_bare(jmeter, load, directory, _BARE_JVM)
    peak = _watch_memory(process)
    if process.returncode:
        raise RuntimeError(f"JMeter ended with {process.returncode}: {(directory / 'output.txt').read_text()[-2000:]}")
    return _reached(directory / "results.jtl", peak)


def _start_bare(jmeter: JMeter, load: Load, directory: Path, jvm_arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    arguments = ["-n", "-t", str(PLAN), "-l", str(directory / "results.jtl"), "-j", str(directory / "jmeter.log")]
    arguments += [f"-J{key}={value}" for key, value in load.properties.items()]
    own = [*jvm_arguments, "-Djava.awt.headless=true", f"-Djava.util.prefs.userRoot={directory}"]
    environment = {**os.environ, **jmeter.environment(own)}
    with (directory / "output.txt").open("wb") as output:
        # A session of its own, as the engine's runs have: Linux shares the processor among sessions first.
        return subprocess.Popen(
            jmeter.command(own, arguments),
            cwd=directory,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def run_on_engine(engine: EngineProcess, load: Load) -> Reached:
    """One run of the same plan on our engine, which watches it and follows its result file."""
    execution_id = engine.run(
        PLAN, threads=load.threads, loops=load.loops, heapSize="512m", properties={"sleep": str(load.sleep_ms)}
    )
    peak = 0
    while engine.status(execution_id)["status"] == "RUNNING":
        for pid in engine.jmeter_pids(execution_id):
            peak = max(peak, peak_of(pid))
        time.sleep(0.1)
    ended = engine.status(execution_id)
    if ended["status"] != "COMPLETED":
        raise RuntimeError(f"the run on the engine ended {ended['status']}: {ended['errorMessage']}")
    # Its dashboard is made after the run; the next run must not share the machine with it.
    engine.dashboard_exists(execution_id)
    return _reached(engine.data / ended["resultPath"], peak)


def start_all_on_engine(engine: EngineProcess, load: Load, count: int) -> tuple[list[float], float]:
    """Start so many runs at once: the seconds until each start was answered, and until all had their first sample."""
    plan = str(engine.upload(PLAN))
    body = {
        "testPlanPath": plan, "threads": load.threads, "loops": load.loops, "heapSize": "128m",
        "properties": {"sleep": str(load.sleep_ms)},
    }  # fmt: skip
    began = time.time()

    def start(_number: int) -> tuple[str, float]:
        execution = engine.post("/api/loadtest/start", body)
        return str(execution["executionId"]), time.time() - began

    with ThreadPoolExecutor(count) as pool:
        started = list(pool.map(start, range(count)))
    files = [engine.data / engine.status(execution_id)["resultPath"] for execution_id, _ in started]
    first = max(_first_sample(file) for file in files) - began
    for execution_id, _ in started:
        engine.ended(execution_id, 120)
    return [seconds for _, seconds in started], first


def start_all_bare(jmeter: JMeter, load: Load, count: int, directory: Path) -> float:
    """Start so many JMeters at once, in JVMs like the engine's: the seconds until all had their first sample."""
    places = [directory / f"bare-{number}" for number in range(count)]
    for place in places:
        place.mkdir()
    began = time.time()
    processes = [_start_bare(jmeter, load, place, _ENGINES_JVM) for place in places]
    try:
        return max(_first_sample(place / "results.jtl") for place in places) - began
    finally:
        for process in processes:
            process.wait(120)


def peak_of(pid: int) -> int:
    """The most memory that a process had resident; 0 when it has gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _watch_memory(process: "subprocess.Popen[bytes]") -> int:
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_of(process.pid))
        time.sleep(0.1)
    return peak


def _first_sample(jtl: Path) -> float:
    """When the first sample in a file began, once there is one (epoch seconds)."""

    def look() -> float | None:
        moments = _starts(jtl) if jtl.exists() else iter(())
        first = next(moments, None)
        return None if first is None else first / 1000

    return eventually(look, f"a sample in {jtl}", 60)


def _starts(jtl: Path) -> Iterator[int]:
    with jtl.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            # JMeter without autoflush leaves half a line at the end of what it has written so far.
            if row["elapsed"]:
                yield int(row["timeStamp"])


def _reached(jtl: Path, peak: int) -> Reached:
    starts: Sequence[int] = list(_starts(jtl))
    span = (max(starts) - min(starts)) / 1000
    return Reached(len(starts), len(starts) / span if span else 0.0, peak, min(starts) / 1000)
