"""The live line fits a narrow terminal, and without a terminal it becomes a line now and then."""

import io

import pytest
from rich.console import Console

from local.demo.display import Display, Moment
from local.demo.live_samples import LiveFigures

MOMENT = Moment("recovery", 0.5, "12 s to the end", LiveFigures(9999.0, 5000, 1.0))


def test_the_live_line_shows_everything_in_80_columns() -> None:
    output = io.StringIO()
    display = Display(Console(file=output, width=80, force_terminal=True, color_system=None))
    with display.live():
        display.moment(MOMENT)
    shown = output.getvalue()
    assert "9999 req/s  p95 5000 ms  errors 100.0 %" in shown
    assert "12 s to the end" in shown


def test_without_a_terminal_a_line_comes_every_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("local.demo.display.time.monotonic", lambda: now)
    output = io.StringIO()
    display = Display(Console(file=output))
    with display.live():
        for _ in range(41):
            display.moment(MOMENT)
            now += 0.25
    lines = output.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[1] == "         2 s  recovery  9999 req/s  p95 5000 ms  errors 100.0 %  12 s to the end"
