"""A task's load over time, also while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass

from tandem.domain.analysis_document import Json
from tandem.domain.identity import Owner
from tandem.domain.ports import TaskKey
from tandem.services.analyse_run import AnalyseRun
from tandem.services.find_archived_run import FindArchivedRun
from tandem.services.find_task import FindTask


@dataclass(frozen=True, slots=True)
class TaskSeries:
    """The document of the series, and the engines whose share of the load is in none of them."""

    series: Mapping[str, Json]
    missing_parts: tuple[str, ...]


class GetTimeseries:
    def __init__(self, find: FindTask, archived: FindArchivedRun, analyse: AnalyseRun) -> None:
        self._find = find
        self._archived = archived
        self._analyse = analyse

    def __call__(self, owner: Owner, key: TaskKey, bucket_ms: int | None) -> TaskSeries:
        """Empty when there are no samples.

        Raises TaskNotFound, and the engines' errors while the run goes on and none of them can be asked.
        """
        run = self._find(owner, key)
        kept = self._archived(run) if bucket_ms is None else None
        figures = self._analyse(run, bucket_ms) if kept is None else kept.figures
        series = figures.timeseries or self._analyse.empty_series(run, bucket_ms).timeseries
        assert series is not None  # noqa: S101 - an analysis of no samples has a series, an empty one
        return TaskSeries(series, figures.missing_parts)
