"""The report of a run as one HTML page that needs nothing from elsewhere."""

from collections.abc import Iterable
from html import escape

from tandem.domain.analysis import Analysis
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.summary import Summary
from tandem.domain.timestamps import iso_utc
from tandem.domain.verdict import Verdict

CONTENT_TYPE = "text/html; charset=utf-8"

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100% }
th, td { border-bottom: 1px solid #8884; padding: .35rem .6rem; text-align: right; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere }
.note { border-left: 4px solid #c80; padding: .4rem .8rem; background: #c801 }
"""
_FIGURES = ("", "requests", "requests/s", "errors", "mean ms", "p50 ms", "p90 ms", "p95 ms", "p99 ms", "max ms")


def report_page(
    run: ExperimentRun, analysis: Analysis | None, verdict: Verdict | None, missing: str | None, language: str
) -> str:
    """The page. ``missing`` says why there are no figures; what is not known is said to be unknown."""
    task = run.started_task
    title = f"Load test {task.task_id}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _facts(run),
        _verdict(verdict, ended=task.status.ended),
        _figures(analysis) if analysis is not None else _note(f"There are no figures: {missing or 'not known why'}."),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1">'
    lang = "en" if language == "en" else "zh"
    return f'<!DOCTYPE html>\n<html lang="{lang}"><head>{head}</head><body lang="en">{"".join(parts)}</body></html>\n'


def _facts(run: ExperimentRun) -> str:
    task = run.started_task
    known = [
        ("Status", task.status),
        ("Experiment task", task.experiment_task_id),
        ("Experiment", run.experiment_id),
        ("Strategy", task.strategy_id),
        ("Definition", None if run.plan is None else run.plan.definition.name),
        ("System under test", None if run.plan is None else run.plan.definition.endpoint),
        ("Execution on the engine", task.execution_id),
        ("Load started", None if task.start_time is None else iso_utc(task.start_time)),
        ("Load ended", None if task.end_time is None else iso_utc(task.end_time)),
        ("Fault window opened", None if run.window_opened_at is None else iso_utc(run.window_opened_at)),
        ("Experiment ended", None if run.finished_at is None else iso_utc(run.finished_at)),
        ("Error", task.error_message),
    ]
    rows = "".join(_row((name, "unknown" if value is None else str(value))) for name, value in known)
    return f"<table>{rows}</table>"


def _verdict(verdict: Verdict | None, *, ended: bool) -> str:
    if verdict is None:
        return _note("There is no verdict: the load never ran." if ended else "There is no verdict yet.")
    reasons = "".join(f"<li>{escape(reason.code)}: {escape(reason.message)}</li>" for reason in verdict.reasons)
    return f"<h2>Verdict: {escape(verdict.status)}</h2><ul>{reasons}</ul>"


def _figures(analysis: Analysis) -> str:
    parts = ["<h2>Phases</h2>", _table(("all", analysis.summary), *_phases(analysis))]
    if analysis.summary.skipped_lines:
        parts.append(_note(f"{analysis.summary.skipped_lines} records of the result file could not be used."))
    labels = [(key.label + (" (transaction)" if key.transaction else ""), group) for key, group in analysis.labels]
    parts += ["<h2>Labels</h2>", _table(*labels)]
    kinds = [(f"{item.kind.code} {item.kind.message}", str(item.count)) for item in analysis.top_errors.kinds]
    if kinds:
        parts += ["<h2>Commonest errors</h2>", "<table>", *(_row(kind) for kind in kinds), "</table>"]
    return "".join(parts)


def _phases(analysis: Analysis) -> list[tuple[str, Summary]]:
    return [(phase.bounds.name.value, phase.summary) for phase in analysis.phases]


def _table(*groups: tuple[str, Summary]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in _FIGURES)
    return f"<table><tr>{head}</tr>{''.join(_row((name, *_cells(group))) for name, group in groups)}</table>"


def _cells(group: Summary) -> list[str]:
    figures = group.latency
    errors = "unknown" if group.error_rate is None else f"{group.errors} ({group.error_rate:.2%})"
    rate = "unknown" if group.requests_per_sec is None else f"{group.requests_per_sec:.1f}"
    mean = "unknown" if figures.mean is None else f"{figures.mean:.1f}"
    others = (figures.p50, figures.p90, figures.p95, figures.p99, figures.max)
    return [str(group.samples), rate, errors, mean, *("unknown" if each is None else str(each) for each in others)]


def _row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'
