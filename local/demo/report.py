"""What the demo shows at its end: the table, the events, the checks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from tandem.domain.samples import PhaseName
from tandem.domain.summary import Summary

from local.demo.evidence import Check
from local.demo.figures import RunFigures

_ROWS = {PhaseName.BASELINE: "baseline", PhaseName.FAULT: "fault", PhaseName.RECOVERY: "recovery"}
_STYLES = {PhaseName.FAULT: "red"}


def phase_table(figures: RunFigures) -> RenderableType:
    """Baseline, fault and recovery, one row each; latencies in ms."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("phase")
    for name in ("seconds", "requests", "requests/s", "p50 ms", "p95 ms", "p99 ms", "error rate"):
        table.add_column(name, justify="right")
    for name, title in _ROWS.items():
        summary = figures.phases.get(name)
        cells = _cells(summary, figures.overall.start) if summary is not None else ["-"] * 7
        table.add_row(title, *cells, style=_STYLES.get(name, ""))
    return table


def _cells(summary: Summary, first: datetime | None) -> list[str]:
    latency = summary.latency
    return [
        _span(summary, first),
        f"{summary.samples:,}",
        _number(summary.requests_per_sec, ".1f"),
        _number(latency.p50, "d"),
        _number(latency.p95, "d"),
        _number(latency.p99, "d"),
        "-" if summary.error_rate is None else f"{100 * summary.error_rate:.1f} %",
    ]


def _span(summary: Summary, first: datetime | None) -> str:
    """From when to when, in seconds after the first sample."""
    if summary.start is None or summary.end is None or first is None:
        return "-"
    return f"{(summary.start - first).total_seconds():.1f} - {(summary.end - first).total_seconds():.1f}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def event_lines(events: Iterable[str]) -> list[str]:
    """One line for each event of GetLoadTestEvents, with its time of day (UTC)."""
    lines = []
    for text in events:
        event = json.loads(text)
        at = datetime.fromtimestamp(event["ts"] / 1000, tz=UTC)
        time_of_day = f"{at:%H:%M:%S}.{event['ts'] % 1000:03d}"
        lines.append(f"{time_of_day}  {event['type']:<24} {event.get('message') or ''}".rstrip())
    return lines


def check_table(found: Iterable[Check]) -> RenderableType:
    """What had to be seen, and what was."""
    table = Table.grid(padding=(0, 2))
    for check in found:
        mark = Text("ok", style="green") if check.passed else Text("FAILED", style="bold red")
        if check.busy:
            mark = Text("note", style="yellow")
        table.add_row("  ", mark, check.claim, Text(check.seen, style="dim"))
    return table
