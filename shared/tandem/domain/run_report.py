"""What can be said of a run: its results, and the report that shows them with its story."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.domain.archive import ArchivedRun, ArchiveLinks, RunFigures
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.load_engine import EngineResults


@dataclass(frozen=True, slots=True)
class RunResults:
    """``on_engine`` is None when the engine was not asked or does not know the run (any more): the row has its paths.

    ``archived`` and ``links`` are None for a run that is not archived (yet).
    """

    run: ExperimentRun
    figures: RunFigures
    on_engine: EngineResults | None = None
    archived: ArchivedRun | None = None
    links: ArchiveLinks | None = None

    @property
    def result_url(self) -> str | None:
        """Where the engine serves the result file, or did when the run was archived."""
        if self.archived is not None:
            return self.archived.result_url
        return None if self.on_engine is None else self.on_engine.result_url

    @property
    def report_url(self) -> str | None:
        """Where the engine serves JMeter's dashboard, or did when the run was archived."""
        if self.archived is not None:
            return self.archived.report_url
        return None if self.on_engine is None else self.on_engine.report_url


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run, what can be said of it, and its story (``events``: JSON texts, ascending in time)."""

    results: RunResults
    events: Sequence[str]
