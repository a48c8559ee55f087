"""python -m bench.analyse_samples: our analysis of a result file beside JMeter's own dashboard of the same file."""

import json
import os
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from tandem_engine.jmeter_home import JMeter, find_jmeter

from bench.analyse_samples.result_file import Written, write_result_file
from bench.analyse_samples.ways import make_analysis, make_floor
from bench.arguments import smoke_wanted, tell
from bench.child import run_child
from bench.report import Bound, Report, number
from bench.worker import Turn, Worker

PERCENTILES = (50, 90, 95, 99)
JMETER_KEYS = {50: "medianResTime", 90: "pct1ResTime", 95: "pct2ResTime", 99: "pct3ResTime"}
TURNS = 3


def dashboard_of(jmeter: JMeter, jtl: Path, directory: Path) -> tuple[float, int, dict[int, float]]:
    """JMeter's own ``-g``, as it comes: its seconds, its peak memory, and the percentiles it tells."""
    report = directory / "report"
    log = directory / "jmeter.log"
    arguments = ["-g", str(jtl), "-o", str(report), "-j", str(log)]
    arguments += [f"-Jjmeter.reportgenerator.temp_dir={directory / 'temp'}"]
    own = ["-Xms1g", "-Xmx1g", "-Djava.awt.headless=true", f"-Djava.util.prefs.userRoot={directory}"]
    ended = run_child(jmeter.command(own, arguments), directory, {**os.environ, **jmeter.environment(own)})
    told = json.loads((report / "statistics.json").read_text(encoding="utf-8"))["Total"]
    return ended.seconds, ended.peak_bytes, {wanted: told[key] for wanted, key in JMETER_KEYS.items()}


class AnalysisBench:
    def __init__(self, directory: Path, samples: int, many: int) -> None:
        self._directory = directory
        self._samples = samples
        self._many = many

    def run(self) -> Report:
        jtl = self._directory / "results.jtl"
        written = write_result_file(jtl, self._samples)
        report = Report(
            "Analysis: the figures of a run from its result file (`bench.analyse_samples`)",
            f"A JTL of {self._samples:,} samples ({written.bytes / 1e6:.0f} MB), the same one each time, with "
            f"{written.set_up:,} more of a set-up thread group, and failures with messages of a megabyte. JMeter's own "
            f"`-g` with its default settings once; ours and the floor (bytes read, ends of fields and rows found by "
            f"numpy, nothing made of them) in processes of their own, {TURNS} turns after a first one.",
        )
        began = perf_counter()
        jmeter = find_jmeter(os.environ, self._directory)
        seconds, jmeter_peak, told = dashboard_of(jmeter, jtl, self._directory)
        with Worker(make_analysis) as ours, Worker(make_floor) as floor:
            turns = [(ours.turn(str(jtl)), floor.turn(str(jtl))) for _ in range(TURNS + 1)][1:]
        self._check(turns[-1][0], written)
        mine, least = median(turn.seconds for turn, _ in turns), median(turn.seconds for _, turn in turns)
        peak = turns[-1][0].peak_bytes / 1e6
        table = report.table("way", "s", "x floor", "peak MB", *(f"p{wanted}, ms" for wanted in PERCENTILES))
        exact = {wanted: written.percentile(wanted) for wanted in PERCENTILES}
        found = turns[-1][0].answer["percentiles"]
        table.add("JMeter -g", number(seconds), number(seconds / least), number(jmeter_peak / 1e6),
                  *(number(told[wanted]) for wanted in PERCENTILES))  # fmt: skip
        table.add(
            "ours", number(mine), number(mine / least), number(peak), *(number(found[wanted]) for wanted in PERCENTILES)
        )
        table.add("floor", number(least), "1", number(turns[-1][1].peak_bytes / 1e6), *("-" for _ in PERCENTILES))
        table.add("counted out by hand", "-", "-", "-", *(number(exact[wanted]) for wanted in PERCENTILES))
        report.claim("times faster than JMeter's -g", seconds / mine, Bound.AT_LEAST, 20)
        differing = sum(found[wanted] != exact[wanted] for wanted in PERCENTILES)
        report.claim("times the floor", mine / least, Bound.AT_MOST, 3.5)
        report.claim("percentiles that differ from the exact ones", differing, Bound.EXACTLY, 0)
        report.claim(f"{self._samples:,} samples: peak memory", peak, Bound.AT_MOST, 350, "MB")
        self._many_samples(report, peak)
        report.notes.append(f"All of it took {perf_counter() - began:.0f} s.")
        return report

    def _many_samples(self, report: Report, peak_of_few: float) -> None:
        jtl = self._directory / "many.jtl"
        written = write_result_file(jtl, self._many)
        with Worker(make_analysis) as ours:
            turn = ours.turn(str(jtl))
        self._check(turn, written)
        jtl.unlink()
        peak = turn.peak_bytes / 1e6
        table = report.table("samples", "file, MB", "s", "peak MB")
        table.add(f"{self._many:,}", number(written.bytes / 1e6), number(turn.seconds), number(peak))
        report.claim(f"{self._many:,} samples: peak memory", peak, Bound.AT_MOST, 80, "MB")
        report.claim(
            f"{self._many:,} samples: times the memory of {self._samples:,}", peak / peak_of_few, Bound.AT_MOST, 1.5
        )

    @staticmethod
    def _check(turn: Turn, written: Written) -> None:
        """Wrong figures have no time. Raises RuntimeError."""
        expected = {"samples": sum(written.counts.values()), "errors": written.errors, "set_up": written.set_up}
        expected["skipped"] = 0
        differing = {key: turn.answer[key] for key, value in expected.items() if turn.answer[key] != value}
        if differing:
            raise RuntimeError(f"the analysis says {differing}, the file holds {expected}")


def measure(samples: int, many: int) -> Report:
    """Run the bench in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as directory:
        return AnalysisBench(Path(directory), samples, many).run()


if __name__ == "__main__":
    sizes = (2_000, 40_000) if smoke_wanted(__doc__) else (1_000_000, 10_000_000)
    tell(lambda: measure(*sizes))
