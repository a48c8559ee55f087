"""What one sweep learned from outside, and what that means for a run."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tandem.domain.engine_state import StopReason
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.listed_loads import loads_by_task
from tandem.domain.load_engine import EngineRun, StatusAnswer, Survey, lists_everything
from tandem.domain.unsettled_run import Undone, UnsettledRun

_NO_SURVEY = Survey({}, None)


@dataclass(frozen=True, slots=True)
class SweepFacts:
    """``surveys`` by engine name; ``led``: the workflows that run, None when nobody can tell."""

    now: datetime
    surveys: Mapping[str, Survey]
    led: Set[str] | None
    limits: Limits
    _ours: dict[str, dict[str, EngineRun]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._ours.update((name, loads_by_task(survey.listed or ())) for name, survey in self.surveys.items())

    @property
    def silent(self) -> int:
        """Loads about which no usable answer was given."""
        answers = [answer for survey in self.surveys.values() for answer in survey.answers.values()]
        return sum(isinstance(answer, EngineError) for answer in answers)

    def running(self) -> dict[str, tuple[str, EngineRun]]:
        """The loads of ours that go on: by task id, the engine and its run."""
        return {
            task_id: (name, run)
            for name, ours in self._ours.items()
            for task_id, run in ours.items()
            if not run.status.is_ended
        }

    def concern(self, run: UnsettledRun) -> bool:
        """Whether this run may have to change; most loads just run on."""
        known, answer = self._answer(run, run.execution_id)
        goes_on = known and (
            isinstance(answer, EngineError)
            or (isinstance(answer, EngineRun) and not answer.status.is_ended and run.missing_sweeps == 0)
        )
        return not goes_on or run.stop_pending or run.overdue(self.now) or self._leaderless(run)

    def apply(self, run: ExperimentRun) -> bool:
        """Change a run, read anew, by what was learned; False when there is nothing to write."""
        task = run.started_task
        before = (run.missing_sweeps, run.stop_confirmed_at)
        known, answer = self._answer(run, task.execution_id)
        if task.execution_id is None:
            self._settle_unstarted(run)
        elif known:
            run.learn(answer, self.now, is_sweep=True)
        if run.overdue(self.now):
            run.pass_deadline(self.now)
        if self._leaderless(run):
            run.lose_workflow("the workflow of this experiment is gone", self.now)
        if run.stop_pending and not run.messages:
            run.ask_for_stop()
        # A count of 404s that a good answer ended must be written too, or 404s far apart would add up.
        after = (run.missing_sweeps, run.stop_confirmed_at)
        return bool(run.audit or run.messages) or before != after

    def _settle_unstarted(self, run: ExperimentRun) -> None:
        """Adopt a load whose start answer was lost; fail what never started and has no workflow to say so."""
        found = self._ours.get(run.engine_name, {}).get(run.started_task.task_id)
        if found is not None and not found.status.is_ended:
            run.accept_load(found, self.limits.grace, self.now)
            return
        listed = self.surveys.get(run.engine_name, _NO_SURVEY).listed
        first = run.start_first_tried_at
        overdue = timedelta(seconds=self.limits.start + self.limits.start_settles)
        if listed is not None and first is not None and self.now - first > overdue:
            run.fail_load(StopReason.LOAD_LOST, "the load never started", self.now)
            if run.surely_absent(self.now, self.limits, all_listed=lists_everything(listed)):
                run.confirm_nothing_runs(self.now)

    def _answer(self, run: Undone, execution_id: str | None) -> tuple[bool, StatusAnswer]:
        """Whether the run's load was asked for, and what was said. The ids of two engines may be the same."""
        answers = self.surveys.get(run.engine_name, _NO_SURVEY).answers
        if execution_id is None or execution_id not in answers:
            return False, None
        return True, answers[execution_id]

    def _leaderless(self, run: Undone) -> bool:
        return run.leaderless(self.now, timedelta(seconds=self.limits.workflow_lost), self.led)
