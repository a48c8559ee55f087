"""Step 5: is the load real and healthy? Not "the process runs" but "requests arrive, and are answered well enough"."""

from dataclasses import replace
from datetime import timedelta

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import AppError, EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.gate import GateFigures, LooksBack, described, shortfalls, why_not_proven
from tandem.domain.limits import Limits
from tandem.domain.live_metrics import LiveMetrics, in_all
from tandem.domain.load_engine import EngineRun
from tandem.domain.load_part import LoadPart
from tandem.domain.workflow_step import NextStep, StepResult
from tandem.services.ask_engine import ask_all
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log, warn

STATUS_EVERY_SEC = 2.0
KEPT_EVERY_SEC = 2.0
LONGEST_PAUSE_SEC = 2.0


class GateNotYetProven(AppError):
    """This invocation has looked for as long as it may; the next one goes on."""

    code = "GATE_NOT_YET_PROVEN"


class CheckGate:
    """Watches the load until it is proven, lost, or out of time, so that the state machine need not poll."""

    def __init__(self, change: ChangeRun, engines: LoadEngines, clock: Clock, limits: Limits) -> None:
        self._change = change
        self._engines = engines
        self._clock = clock
        self._limits = limits

    def __call__(self, experiment_task_id: str) -> StepResult:
        """CONTINUE with the moment at which the window is due, once the load is proven. Raises GateNotYetProven."""
        began = self._clock.now()
        asked_status_at, kept_at = began - timedelta(seconds=STATUS_EVERY_SEC), began
        looks_back = LooksBack()
        last = GateFigures()
        while True:
            run = self._change.read(experiment_task_id)
            if run.next_step() != NextStep.CONTINUE or run.load_proven_at is not None:
                return StepResult.of(run)
            last = self._look(run, looks_back) or last
            if last.samples > 0 and not last.silent:
                run = self._see_samples(run)
                if not shortfalls(run.required_plan.strategy.gate.bounds, last):
                    return self._prove(run, last)
            now = self._clock.now()
            if now - asked_status_at >= timedelta(seconds=STATUS_EVERY_SEC):
                asked_status_at = now
                run = self._ask_status(run)
                if run.next_step() != NextStep.CONTINUE:
                    return StepResult.of(run)
            if now >= run.gate_deadline:
                return self._fail(run, last)
            if last != run.gate_figures and now - kept_at >= timedelta(seconds=KEPT_EVERY_SEC):
                kept_at = now
                self._keep(run, last)
            if now - began >= timedelta(seconds=self._limits.gate_budget):
                raise GateNotYetProven(described(last))
            self._clock.sleep(self._pause(now - began))

    def _pause(self, watched_for: timedelta) -> float:
        """Seconds until the next look: short while a load normally begins, longer when it takes its time."""
        return min(max(self._limits.gate_poll, watched_for.total_seconds() / 10), LONGEST_PAUSE_SEC)

    def _look(self, run: ExperimentRun, looks_back: LooksBack) -> GateFigures | None:
        """What all engines together send, and which of several send nothing; None when the only one tells nothing."""
        parts = {part.engine: part for part in run.load_parts}
        told = self._engines.side_by_side(list(parts), lambda name: self._look_at(run, parts[name]))
        now = self._clock.now()
        looks = {name: looks_back.complete(name, metrics, now) for name, metrics in told.items()}
        if not run.parts:
            [metrics] = looks.values()
            return None if metrics is None else GateFigures.of(metrics)
        seen = {name: metrics for name, metrics in looks.items() if metrics is not None}
        sending = [each for each in seen.values() if each.total_requests > 0]
        silent = [name for name in looks if name not in seen or seen[name].total_requests == 0]
        set_up = sum(each.set_up.samples for each in seen.values() if each.set_up is not None)
        return replace(GateFigures.of(in_all(sending), silent), set_up_samples=set_up)

    def _look_at(self, run: ExperimentRun, part: LoadPart) -> LiveMetrics | None:
        try:
            return self._engines.of(part.engine).metrics(part.execution_id or "")
        except EngineError as trouble:
            # Silence proves nothing either way: the gate's own time limit decides.
            warn(LogEvent.ENGINE_TROUBLE, task_id=run.started_task.task_id, reason=trouble.message)
            return None

    def _see_samples(self, run: ExperimentRun) -> ExperimentRun:
        if run.load_started_at is not None:
            return run
        now = self._clock.now()
        return self._change(run.experiment_task_id, lambda run: run.see_first_sample(now))

    def _ask_status(self, run: ExperimentRun) -> ExperimentRun:
        answers = ask_all(self._engines, run)
        # A run that is there ends a count of 404s, which a sweep may have begun.
        counted = any(part.missing_sweeps for part in run.load_parts)
        there = [answer for answer in answers.values() if isinstance(answer, EngineRun)]
        if not any(answer.status.is_ended or counted for answer in there):
            return run
        now = self._clock.now()
        return self._change(run.experiment_task_id, lambda run: run.learn_all(answers, now, is_sweep=False))

    def _keep(self, run: ExperimentRun, measured: GateFigures) -> None:
        """Keep what was measured, so that it can be shown without a call to the engines."""
        self._change(run.experiment_task_id, lambda run: run.measure_gate(measured))

    def _prove(self, run: ExperimentRun, measured: GateFigures) -> StepResult:
        figures, now = described(measured), self._clock.now()

        def prove(run: ExperimentRun) -> None:
            run.measure_gate(measured)
            run.prove_load(figures, now)

        run = self._change(run.experiment_task_id, prove)
        log(LogEvent.LOAD_PROVEN, task_id=run.started_task.task_id, figures=figures)
        return StepResult.of(run)

    def _fail(self, run: ExperimentRun, measured: GateFigures) -> StepResult:
        now = self._clock.now()
        gate = run.required_plan.strategy.gate.bounds
        before_fault = run.fault_at is not None and run.gate_deadline == run.fault_at
        limit = "before the fault" if before_fault else f"within {gate.timeout_sec} s"
        reason = f"the load was not proven {limit}: {why_not_proven(gate, measured)}{_where_to_look(run)}"

        def fail(run: ExperimentRun) -> None:
            run.measure_gate(measured)
            run.fail_load(StopReason.GATE_NOT_PASSED, reason, now)

        run = self._change(run.experiment_task_id, fail)
        warn(LogEvent.GATE_FAILED, task_id=run.started_task.task_id, reason=reason)
        return StepResult.of(run)


def _where_to_look(run: ExperimentRun) -> str:
    """Where JMeter's own words are, on the engine."""
    logs = [
        part.log_path + (f" (engine {part.engine})" if run.parts else "") for part in run.load_parts if part.log_path
    ]
    if not logs:
        return ""
    return f". JMeter log: {logs[0]}" if len(logs) == 1 else f". JMeter logs: {', '.join(logs)}"
