"""The report of a run: what the page is made of, and how it is served."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.run_report import RunReport
from tandem.domain.timestamps import iso_utc
from tandem.rest.app import shown
from tandem.rest.definitions import DefinitionView
from tandem.rest.results import ResultsView, TimeseriesView
from tandem.rest.strategies import StrategyView
from tandem.rest.tasks import TaskView

CONTENT_TYPE = "text/html; charset=utf-8"

HEADERS = {
    # The page itself names the digests of the two scripts and the style that it holds; both policies hold.
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


def _run_document(run: ExperimentRun, language: str) -> dict[str, Any]:
    """Task, definition and strategy as the API shows them, both of the latter as they were when the run began."""
    plan = run.plan
    return {
        "task": shown(TaskView.of(run, language)),
        "experimentId": run.experiment_id,
        "windowOpenedAt": None if run.window_opened_at is None else iso_utc(run.window_opened_at),
        "experimentEndedAt": None if run.finished_at is None else iso_utc(run.finished_at),
        "definition": None if plan is None else shown(DefinitionView.of(plan.definition)),
        "strategy": None if plan is None else shown(StrategyView.of(plan.strategy)),
    }


def report_document(report: RunReport, language: str, now: datetime) -> dict[str, Any]:
    """All that the page shows: a run, results and series as the API shows them, and its story.

    Without an analysis there is no series. The page may be kept and sent, so no signed link is in it.
    """
    figures = report.results.figures
    return {
        "generatedAt": iso_utc(now),
        **_run_document(report.results.run, language),
        "results": shown(ResultsView.of(replace(report.results, links=None))),
        "timeseries": None
        if figures.timeseries is None
        else shown(TimeseriesView.of(figures.timeseries, figures.missing_parts)),
        "events": {"events": list(report.events)},
        "missing": figures.missing,
    }
