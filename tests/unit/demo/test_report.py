"""What the demo prints at its end."""

import io
import json

from rich.console import Console, RenderableType

from local.demo.evidence import Check
from local.demo.report import check_table, event_lines, phase_table
from tests.unit.demo.demo_run import run_figures


def printed(renderable: RenderableType) -> list[list[str]]:
    """The words of each line."""
    output = io.StringIO()
    Console(file=output, width=120).print(renderable)
    return [line.split() for line in output.getvalue().splitlines() if line.strip()]


def test_the_table_has_a_row_for_each_phase_with_its_own_figures() -> None:
    header, _, *rows = printed(phase_table(run_figures()))
    assert " ".join(header) == "phase seconds requests requests/s p50 ms p95 ms p99 ms error rate"
    assert [" ".join(row) for row in rows] == [
        "baseline 1.0 - 11.0 1,000 100.0 10 10 10 0.0 %",
        "fault 11.0 - 26.0 1,500 100.0 260 260 260 20.0 %",
        "recovery 26.0 - 36.0 1,001 100.1 10 10 10 0.0 %",
    ]


def test_a_phase_that_was_not_reached_is_a_row_of_dashes() -> None:
    rows = printed(phase_table(run_figures(seconds=20)))
    assert rows[-1] == ["recovery", *["-"] * 7]


def test_events_are_told_with_their_time_of_day_in_utc() -> None:
    events = [
        {"ts": 1767323045007, "type": "STARTED", "message": "JMeter runs"},
        {"ts": 1767323046000, "type": "ENDED"},
    ]
    assert event_lines(map(json.dumps, events)) == [
        "03:04:05.007  STARTED                  JMeter runs",
        "03:04:06.000  ENDED",
    ]


def test_a_failed_check_stands_out() -> None:
    rows = printed(check_table([Check("it rains", True, "drops"), Check("it snows", False, "none")]))
    assert rows == [["ok", "it", "rains", "drops"], ["FAILED", "it", "snows", "none"]]
