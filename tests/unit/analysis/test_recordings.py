"""The recordings of a real engine, against figures computed here in another way: every sample kept, then sorted."""

import json
import math
from pathlib import Path

import pytest
from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.analysis import analyse
from tandem.domain.samples import AnalysisPlan

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"
WITH_SAMPLES = sorted(path.parent.name for path in RECORDINGS.glob("*/results.jtl"))
CUT = [name for name in WITH_SAMPLES if not (RECORDINGS / name / "results.jtl").read_bytes().endswith(b"\n")]


def whole_rows(name: str) -> list[list[str]]:
    lines = (RECORDINGS / name / "results.jtl").read_bytes().split(b"\n")[1:-1]
    return [line.decode().split(",") for line in lines]


@pytest.mark.parametrize("name", WITH_SAMPLES)
def test_a_recording_gives_the_figures_of_its_whole_rows(name: str) -> None:
    rows = whole_rows(name)
    latencies = sorted(int(row[1]) for row in rows)
    starts = [int(row[0]) for row in rows]
    ends = [int(row[0]) + int(row[1]) for row in rows]

    summary = analyse(read_jtl, [[(RECORDINGS / name / "results.jtl").read_bytes()]], AnalysisPlan()).summary

    assert summary.samples == len(rows)
    assert summary.errors == sum(row[7] == "false" for row in rows)
    assert summary.latency.mean == pytest.approx(math.fsum(latencies) / len(rows))
    assert (summary.latency.min, summary.latency.max) == (latencies[0], latencies[-1])
    for percent, figure in (
        (50, summary.latency.p50),
        (90, summary.latency.p90),
        (95, summary.latency.p95),
        (99, summary.latency.p99),
    ):
        assert figure == next(v for i, v in enumerate(latencies, 1) if i * 100 >= percent * len(rows))
    assert summary.received_bytes == sum(int(row[9]) for row in rows)
    assert summary.sent_bytes == sum(int(row[10]) for row in rows)
    assert summary.requests_per_sec == pytest.approx(len(rows) * 1000 / (max(ends) - min(starts)))
    assert summary.skipped_lines == (name in CUT)


@pytest.mark.parametrize("name", [name for name in WITH_SAMPLES if (RECORDINGS / name / "summary.json").exists()])
def test_the_engines_own_summary_differs_only_by_the_cut_line_that_it_counts_as_an_error(name: str) -> None:
    """The engine that made the recordings took the cut last line for one more sample: failed, and 0 ms when the cut
    left no latency. We drop that line and say so, so our count is one less and there is no error."""
    engine = json.loads((RECORDINGS / name / "summary.json").read_text())
    summary = analyse(read_jtl, [[(RECORDINGS / name / "results.jtl").read_bytes()]], AnalysisPlan()).summary
    cut = int(name in CUT)

    assert engine["total"] == summary.samples + cut
    assert engine["err"] == cut
    assert summary.errors == 0
    assert engine["maxRt"] == summary.latency.max
    assert summary.latency.mean is not None
    total_ms = engine["avgRt"] * engine["total"]
    of_the_cut_line = total_ms - summary.latency.mean * summary.samples
    last = (RECORDINGS / name / "results.jtl").read_bytes().rsplit(b"\n", 1)[1].split(b",")
    assert of_the_cut_line == pytest.approx(int(last[1]) if len(last) > 2 else 0, abs=0.01)
