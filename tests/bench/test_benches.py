"""Each bench runs, on tiny sizes, and says what it has to say. Its figures mean nothing here and are not looked at.

A bench checks its own work (a sweep that has not ended what it should has no time) and fails when that is wrong.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHES

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 150
MARKS = {
    "sweep_tasks": [pytest.mark.database],
    "sweep_shards": [pytest.mark.database],
    "analyse_samples": [pytest.mark.jmeter],
    "start_functions": [pytest.mark.database],
}
CLAIMS = {
    "sweep_tasks": ["N = 20: statements", "N = 600: statements", "N = 20, database 2 ms away: times as long"],
    "sweep_shards": [
        "600 tasks, 8 copies side by side: all parts",
        "tasks in the largest part",
        "peak memory of a copy",
    ],
    "analyse_samples": [
        "times faster than JMeter's -g",
        "times the floor",
        "percentiles that differ from the exact ones",
        "2,000 samples: peak memory",
        "40,000 samples: peak memory",
        "40,000 samples: times the memory of 2,000",
    ],
    "start_functions": [
        "worst function: init, times its floor",
        "median of all functions: init, times the floor",
        "median API function: init",
        "median API function: first answer, times the floor",
        "warm GetLoadTestTask: above its query",
        "unpacked, with the analysis layer",
    ],
    "open_windows": [
        "our own share of the way to the load, median",
        "window beside its planned moment, worst run",
        "stop to last sample, worst run",
    ],
    "count_transitions": [
        "history events, the long run",
        "states that the long run enters more than the short one",
        "states that the real run enters more than the simulated ones",
    ],
    "drive_engine": [
        "requests/s on our engine, of bare JMeter's",
        "memory of JMeter under our engine, of bare JMeter's",
        "2 runs at once: all sampling, times JMeter without it",
        "following 10 live result files, of a core",
    ],
}


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 20)
@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, [])) for name in BENCHES])
def test_a_bench_runs_and_states_its_claims(name: str, request: pytest.FixtureRequest) -> None:
    if name == "start_functions":
        request.getfixturevalue("emulator_build")
    ran = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--smoke"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("## ")
    claims = re.findall(r"^\| (.+?) +\| .+ \| .+ \| (?:met|\*\*not met\*\*) +\|$", ran.stdout, re.MULTILINE)
    assert claims == CLAIMS[name]


def test_every_bench_is_run_by_make_bench() -> None:
    here = PROJECT / "bench"
    modules = {file.stem for file in here.glob("*_*.py") if not file.stem.startswith("_")}
    packages = {file.parent.name for file in here.glob("*/__main__.py")}
    assert modules | packages == set(BENCHES)


def test_what_was_found_by_hand_belongs_to_a_bench() -> None:
    assert {file.stem for file in (PROJECT / "bench" / "findings").glob("*.md")} <= set(BENCHES)
