"""Steps 6 and 7: when the lead time has passed, look once more, then tell the platform to inject."""

from collections.abc import Mapping

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.load_engine import StatusAnswer
from tandem.domain.ports import Ticks
from tandem.domain.workflow_step import NextStep, StepResult
from tandem.services.ask_engine import ask_all, first_trouble
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log

LOOKS = 3
SECONDS_BETWEEN_LOOKS = 1.0


class OpenFaultWindow:
    """Opens the window of an experiment whose load is proven, or, with the reason, of one that has none."""

    def __init__(self, change: ChangeRun, engines: LoadEngines, ticks: Ticks, clock: Clock, limits: Limits) -> None:
        self._change = change
        self._ticks = ticks
        self._engines = engines
        self._clock = clock
        self._limits = limits

    def __call__(self, experiment_task_id: str) -> StepResult:
        """CONTINUE when the window is open and the end is to be waited for."""
        run = self._change.read(experiment_task_id)
        answers = self._last_look(run) if run.next_step() == NextStep.CONTINUE else None
        now = self._clock.now()

        def decide(run: ExperimentRun) -> None:
            if answers is not None and run.next_step() == NextStep.CONTINUE:
                self._judge(run, answers)
            run.open_due_window(now)

        run = self._change(experiment_task_id, decide)
        if run.window_opened_at is not None:
            log(
                LogEvent.FAULT_WINDOW_OPENED,
                task_id=run.started_task.task_id,
                experiment_task_id=run.experiment_task_id,
                load_proven=run.window_load_proven,
            )
        if run.watched_closely:
            # The schedule's next turn may be half a minute away, and the fault begins now.
            self._ticks.soon()
        return StepResult.of(run, wait_seconds=run.seconds_to_deadline(self._clock.now()))

    def _last_look(self, run: ExperimentRun) -> Mapping[str, StatusAnswer]:
        """Ask a few times: a fault must not be called off for one lost packet."""
        answers = ask_all(self._engines, run)
        for _ in range(LOOKS - 1):
            if not any(isinstance(answer, EngineError) for answer in answers.values()):
                break
            self._clock.sleep(SECONDS_BETWEEN_LOOKS)
            answers = ask_all(self._engines, run)
        return answers

    def _judge(self, run: ExperimentRun, answers: Mapping[str, StatusAnswer]) -> None:
        now = self._clock.now()
        run.learn_all(answers, now, is_sweep=False)
        words = first_trouble(answers)
        if words is None or run.next_step() != NextStep.CONTINUE:
            return
        reason = f"the load could not be verified at the last check: {words}"
        if run.aborts_on_load_failure:
            run.fail_load(StopReason.LOAD_LOST, reason, now)
        else:
            run.open_window(load_proven=False, reason=reason, now=now)
