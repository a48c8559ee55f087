"""A task's load over time, also while it goes on."""

from tandem.domain.analysis import Analysis
from tandem.domain.identity import Owner
from tandem.domain.ports import TaskKey
from tandem.services.analyse_run import AnalyseRun
from tandem.services.find_task import FindTask


class GetTimeseries:
    def __init__(self, find: FindTask, analyse: AnalyseRun) -> None:
        self._find = find
        self._analyse = analyse

    def __call__(self, owner: Owner, key: TaskKey, bucket_ms: int | None) -> Analysis:
        """Empty when there are no samples. Raises TaskNotFound, and the engine's errors when it cannot be asked."""
        run = self._find(owner, key)
        return self._analyse(run, bucket_ms).analysis or self._analyse.empty(run, bucket_ms)
