"""What the user sees: numbered steps, and while the load runs one line that changes (or a line now and then)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from local.demo.live_samples import LiveFigures

_PLAIN_EVERY_SECONDS = 2.0
_PLAIN_WIDTH = 120
_REFRESHES_PER_SECOND = 8
_STYLES = {
    "waiting": "dim",
    "starting": "cyan",
    "gate": "magenta",
    "baseline": "green",
    "FAULT": "bold red",
    "recovery": "yellow",
}


@dataclass(frozen=True)
class Moment:
    """What is shown of one moment: the phase, how far it is (0..1), what it waits for, and the load's figures."""

    phase: str
    progress: float
    waits_for: str
    figures: LiveFigures | None


class Display:
    """Writes to the terminal; where there is none, plain lines that a log can keep."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if not self._console.is_terminal:
            self._console = Console(file=self._console.file, highlight=False, width=_PLAIN_WIDTH, no_color=True)
        self._live: Live | None = None
        self._began = time.monotonic()
        self._said_at = 0.0

    def show(self, renderable: RenderableType = "") -> None:
        """Prints something of rich's, or an empty line."""
        self._console.print(renderable)

    def step(self, number: int, of: int, title: str) -> None:
        """Begins a step."""
        self._console.print(f"\n[bold cyan]\\[{number}/{of}][/] [bold]{escape(title)}[/]", soft_wrap=True)

    def say(self, text: str) -> None:
        """A line of a step."""
        self._console.print(f"      {escape(text)}", soft_wrap=True)

    def line(self, text: str, style: str = "") -> None:
        """A line that belongs to no step."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    @contextmanager
    def live(self) -> Iterator[None]:
        """While it lasts, `moment` keeps one line up to date."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, refresh_per_second=_REFRESHES_PER_SECOND, transient=True) as self._live:
            try:
                yield
            finally:
                self._live = None

    def moment(self, moment: Moment) -> None:
        """Shows how it stands now; without a terminal at most every two seconds."""
        if self._live is not None:
            self._live.update(_bar(moment, time.monotonic() - self._began))
        elif not self._console.is_terminal and time.monotonic() - self._said_at >= _PLAIN_EVERY_SECONDS:
            self._said_at = time.monotonic()
            elapsed = self._said_at - self._began
            self._console.print(
                Text(f"      {elapsed:4.0f} s  {moment.phase:<8}  {figures_text(moment.figures)}  {moment.waits_for}"),
                soft_wrap=True,
            )


def figures_text(figures: LiveFigures | None) -> str:
    """The figures in a width that does not change; dashes while there are none."""
    if figures is None:
        return f"{'-':>4} req/s  p95 {'-':>4} ms  errors {'-':>5}  "
    return (
        f"{figures.requests_per_sec:4.0f} req/s  p95 {figures.p95_ms:4d} ms  errors {100 * figures.error_rate:5.1f} %"
    )


def _bar(moment: Moment, elapsed: float) -> RenderableType:
    # In all 79 columns wide, so that it fits the narrowest terminal that people have.
    grid = Table.grid(padding=(0, 1))
    style = _STYLES.get(moment.phase, "")
    grid.add_row(
        f"{elapsed:3.0f} s",
        Text(f"{moment.phase:<8}", style=style),
        ProgressBar(total=1.0, completed=moment.progress, width=8, complete_style=style or "cyan"),
        Text(figures_text(moment.figures)),
        Text(moment.waits_for, style="dim"),
    )
    return grid
