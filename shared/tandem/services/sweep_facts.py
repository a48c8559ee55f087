"""What one sweep learned from outside, and what that means for a run."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tandem.domain.engine_state import StopReason
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.listed_loads import loads_by_task
from tandem.domain.load_engine import EngineRun, StatusAnswer, Survey, lists_everything
from tandem.domain.load_part import LoadPart
from tandem.domain.unsettled_run import Undone, UnsettledRun

_NO_SURVEY = Survey({}, None)


@dataclass(frozen=True, slots=True)
class SweepFacts:
    """``surveys`` by engine name; ``led``: the workflows that run, None when nobody can tell; ``before``: by task id,
    the runs as they were when the sweep began.
    """

    now: datetime
    surveys: Mapping[str, Survey]
    led: Set[str] | None
    limits: Limits
    before: Mapping[str, UnsettledRun]
    _ours: dict[str, dict[str, EngineRun]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._ours.update((name, loads_by_task(survey.listed or ())) for name, survey in self.surveys.items())

    @property
    def silent(self) -> int:
        """Loads about which no usable answer was given."""
        answers = [answer for survey in self.surveys.values() for answer in survey.answers.values()]
        return sum(isinstance(answer, EngineError) for answer in answers)

    def running(self) -> list[tuple[str, str, EngineRun]]:
        """The loads of ours that go on: task id, engine and the engine's run."""
        return [
            (task_id, name, run)
            for name, ours in self._ours.items()
            for task_id, run in ours.items()
            if not run.status.is_ended
        ]

    def concern(self, run: UnsettledRun) -> bool:
        """Whether this run may have to change; most loads just run on."""
        if not run.parts:
            goes_on = self._goes_on(run.engine_name, run.execution_id, run.missing_sweeps)
        else:
            going = [part for part in run.parts if part.over_at is None]
            goes_on = all(self._goes_on(part.engine, part.execution_id, part.missing_sweeps) for part in going)
        return not goes_on or run.stop_pending or run.overdue(self.now) or self._leaderless(run)

    def apply(self, run: ExperimentRun) -> bool:
        """Change a run, read anew, by what was learned; False when there is nothing to write."""
        before = _remembered(run)
        self._count_from_before(run)
        for part in [part for part in run.load_parts if part.execution_id is None and part.over_at is None]:
            self._settle_unstarted(run, part)
        answers = {
            part.engine: answer
            for part in run.load_parts
            for known, answer in [self._answer(part.engine, part.execution_id)]
            if known
        }
        if answers:
            run.learn_all(answers, self.now, is_sweep=True)
        if run.overdue(self.now):
            run.pass_deadline(self.now)
        if self._leaderless(run):
            run.lose_workflow("the workflow of this experiment is gone", self.now)
        run.miss_confirmation(self.limits, self.now)
        if run.stop_pending and not run.messages:
            run.ask_for_stop()
        # A count of 404s that a good answer ended must be written too, or 404s far apart would add up.
        return bool(run.audit or run.messages) or before != _remembered(run)

    def _count_from_before(self, run: ExperimentRun) -> None:
        """A transaction whose commit was not answered is done again, and a sweep counts a 404 once all the same."""
        known = self.before[run.started_task.task_id]
        run.missing_sweeps = min(run.missing_sweeps, known.missing_sweeps)
        counted = {part.engine: part.missing_sweeps for part in known.parts}
        for part in run.parts:
            part.missing_sweeps = min(part.missing_sweeps, counted.get(part.engine, 0))

    def _settle_unstarted(self, run: ExperimentRun, part: LoadPart) -> None:
        """Adopt a load whose start answer was lost; fail what never started and has no workflow to say so."""
        found = self._ours.get(part.engine, {}).get(run.started_task.task_id)
        if found is not None and not found.status.is_ended:
            run.accept_load(found, self.limits.grace, self.now, on=part.engine)
            return
        listed = self.surveys.get(part.engine, _NO_SURVEY).listed
        first = run.start_first_tried_at
        overdue = timedelta(seconds=self.limits.start + self.limits.start_settles)
        if listed is not None and first is not None and self.now - first > overdue:
            run.fail_load(StopReason.LOAD_LOST, "the load never started", self.now)
            if run.surely_absent(part, self.now, self.limits, all_listed=lists_everything(listed)):
                run.confirm_absent(part.engine, self.now)

    def _goes_on(self, engine: str, execution_id: str | None, missing_sweeps: int) -> bool:
        known, answer = self._answer(engine, execution_id)
        return known and (
            isinstance(answer, EngineError)
            or (isinstance(answer, EngineRun) and not answer.status.is_ended and missing_sweeps == 0)
        )

    def _answer(self, engine: str, execution_id: str | None) -> tuple[bool, StatusAnswer]:
        """Whether the run's load was asked for, and what was said. The ids of two engines may be the same."""
        answers = self.surveys.get(engine, _NO_SURVEY).answers
        if execution_id is None or execution_id not in answers:
            return False, None
        return True, answers[execution_id]

    def _leaderless(self, run: Undone) -> bool:
        return run.leaderless(self.now, timedelta(seconds=self.limits.workflow_lost), self.led)


def _remembered(run: ExperimentRun) -> tuple[object, ...]:
    """What a look at the engines may change besides what is told to others."""
    return run.missing_sweeps, run.stop_confirmed_at, [replace(part) for part in run.parts]
