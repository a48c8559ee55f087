"""Compare an ended run with the earlier runs of its strategy, as the archive has them."""

from tandem.domain.archive import RunArchive, RunFigures
from tandem.domain.comparison import MAX_RUNS, Comparison, compare, compared_figures
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.ports import Database

LOOKED_AT = 3 * MAX_RUNS
"""Earlier runs that are looked at to find MAX_RUNS that can be compared with."""


class CompareWithEarlier:
    def __init__(self, database: Database, archive: RunArchive) -> None:
        self._database = database
        self._archive = archive

    def __call__(self, run: ExperimentRun, figures: RunFigures) -> Comparison | None:
        """None for a run that has nothing to compare. Raises DatabaseUnavailable, StorageUnavailable."""
        now = compared_figures(figures.results, figures.verdict)
        if not now or run.plan is None:
            return None
        earlier = []
        other_definitions = 0
        for candidate in self._database.read(lambda uow: uow.runs.earlier_of_strategy(run, LOOKED_AT)):
            if candidate.plan is None or not candidate.plan.definition.makes_the_load_of(run.plan.definition):
                other_definitions += 1
                continue
            kept = self._archive.read(candidate.started_task.task_id)
            numbers = {} if kept is None else compared_figures(kept.figures.results, kept.figures.verdict)
            if numbers:
                earlier.append(numbers)
            if len(earlier) == MAX_RUNS:
                break
        return compare(now, earlier, other_definitions)
