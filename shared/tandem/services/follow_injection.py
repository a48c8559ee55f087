"""FIS says that the state of an experiment has changed: if it is ours, its end is the end of our experiment."""

from tandem.domain.clock import Clock
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.injection import PREFIX, Injection, Injections, InjectionsUnavailable
from tandem.domain.ports import Database
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log, warn


class FollowInjection:
    """Takes FIS's event. What counts is what FIS says when it is asked: repeats and order do not matter.

    An experiment that is not ours costs one read of the database; FIS is asked only about one that may be ours.
    """

    def __init__(self, database: Database, change: ChangeRun, injections: Injections, clock: Clock) -> None:
        self._database = database
        self._change = change
        self._injections = injections
        self._clock = clock

    def __call__(self, told: Injection) -> None:
        """Raises InjectionsUnavailable; then the event comes again."""
        experiment_id = PREFIX + told.template_id
        candidates = self._database.read(lambda uow: uow.runs.of_injection(told.injection_id, experiment_id))
        if not candidates:
            return
        try:
            injection = self._injections.get(told.injection_id)
        except InjectionsUnavailable as trouble:
            self._take_at_its_word(candidates, told)
            warn(LogEvent.FIS_TROUBLE, injection_id=told.injection_id, reason=trouble.message)
            raise
        if injection is None:
            return
        for run in candidates:
            if run.injection_id == injection.injection_id or run.started_task.task_id == injection.task_id:
                self._learn(run, injection)

    def _take_at_its_word(self, candidates: list[ExperimentRun], told: Injection) -> None:
        """An end ends our wait now; the times of the actions come when FIS answers again."""
        for run in candidates:
            if run.injection_id == told.injection_id and told.state.ended:
                self._learn(run, told)

    def _learn(self, run: ExperimentRun, injection: Injection) -> None:
        now = self._clock.now()
        self._change(run.experiment_task_id, lambda run: run.learn_injection(injection, now))
        log(
            LogEvent.INJECTION_FOLLOWED,
            experiment_task_id=run.experiment_task_id,
            injection_id=injection.injection_id,
            state=injection.state,
        )
