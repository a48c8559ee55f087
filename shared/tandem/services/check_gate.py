"""Step 5: is the load real? Not "the process runs" but "requests arrive", within the strategy's gate."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tandem.domain.clock import Clock
from tandem.domain.engine_pool import LoadEngines
from tandem.domain.engine_state import StopReason
from tandem.domain.errors import AppError, EngineError
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.load_engine import EngineRun, LiveMetrics, in_all
from tandem.domain.load_part import LoadPart
from tandem.domain.strategy import Gate
from tandem.domain.workflow_step import NextStep, StepResult
from tandem.services.ask_engine import ask_all
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log, warn

STATUS_EVERY_SEC = 2.0
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
        asked_status_at = began - timedelta(seconds=STATUS_EVERY_SEC)
        last: LiveMetrics | None = None
        while True:
            run = self._change.read(experiment_task_id)
            if run.next_step() != NextStep.CONTINUE or run.load_proven_at is not None:
                return StepResult.of(run)
            metrics, silent = self._look(run)
            last = metrics or last
            if last is not None and last.total_requests > 0:
                run = self._see_samples(run)
                if passes(run.required_plan.strategy.gate, last):
                    return self._prove(run, last)
            now = self._clock.now()
            if now - asked_status_at >= timedelta(seconds=STATUS_EVERY_SEC):
                asked_status_at = now
                run = self._ask_status(run)
                if run.next_step() != NextStep.CONTINUE:
                    return StepResult.of(run)
            if now >= gate_deadline(run):
                return self._fail(run, describe(last, silent))
            if now - began >= timedelta(seconds=self._limits.gate_budget):
                raise GateNotYetProven(describe(last, silent))
            self._clock.sleep(self._pause(now - began))

    def _pause(self, watched_for: timedelta) -> float:
        """Seconds until the next look: short while a load normally begins, longer when it takes its time."""
        return min(max(self._limits.gate_poll, watched_for.total_seconds() / 10), LONGEST_PAUSE_SEC)

    def _look(self, run: ExperimentRun) -> tuple[LiveMetrics | None, list[str]]:
        """What all engines together send, None until each does; and those of several that do not send yet."""
        parts = {part.engine: part for part in run.load_parts}
        told = self._engines.side_by_side(list(parts), lambda name: self._look_at(run, parts[name]))
        silent = [name for name, metrics in told.items() if metrics is None or metrics.total_requests == 0]
        return in_all(list(told.values())), silent if run.parts else []

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

    def _prove(self, run: ExperimentRun, metrics: LiveMetrics) -> StepResult:
        figures, now = describe(metrics), self._clock.now()
        run = self._change(run.experiment_task_id, lambda run: run.prove_load(figures, now))
        log(LogEvent.LOAD_PROVEN, task_id=run.started_task.task_id, figures=figures)
        return StepResult.of(run)

    def _fail(self, run: ExperimentRun, measured: str) -> StepResult:
        now = self._clock.now()
        before_fault = run.fault_at is not None and gate_deadline(run) == run.fault_at
        limit = "before the fault" if before_fault else f"within {run.required_plan.strategy.gate.timeout_sec} s"
        reason = f"the load was not proven {limit}: {measured}; wanted {wanted(run.required_plan.strategy.gate)}"
        run = self._change(run.experiment_task_id, lambda run: run.fail_load(StopReason.GATE_NOT_PASSED, reason, now))
        warn(LogEvent.GATE_FAILED, task_id=run.started_task.task_id, reason=reason)
        return StepResult.of(run)


def gate_deadline(run: ExperimentRun) -> datetime:
    """When the load must be proven: the gate's timeout after the engine took it, and before a fault still to come."""
    accepted = run.load_accepted_at or run.created_at
    deadline = accepted + timedelta(seconds=run.required_plan.strategy.gate.timeout_sec)
    if run.fault_at is not None and run.fault_at > accepted:
        return min(deadline, run.fault_at)
    return deadline


def passes(gate: Gate, metrics: LiveMetrics) -> bool:
    """Samples arrive, and throughput (requests/s) and error rate (0..1) lie within the gate's bounds."""
    return (
        metrics.total_requests > 0
        and (gate.min_throughput is None or metrics.throughput >= gate.min_throughput)
        and (gate.max_error_rate is None or metrics.error_rate <= gate.max_error_rate)
    )


def describe(metrics: LiveMetrics | None, silent: Sequence[str] = ()) -> str:
    """What was measured, for people. ``silent``: those of several engines from which nothing was seen."""
    if metrics is None or metrics.total_requests == 0:
        return "no samples arrived" + (f" from {', '.join(silent)}" if silent else "")
    return f"{metrics.total_requests} samples, {metrics.throughput:.1f} requests/s, error rate {metrics.error_rate:.3f}"


def wanted(gate: Gate) -> str:
    """What the gate asks for, for people."""
    bounds = ["samples"]
    if gate.min_throughput is not None:
        bounds.append(f"at least {gate.min_throughput:g} requests/s")
    if gate.max_error_rate is not None:
        bounds.append(f"an error rate of at most {gate.max_error_rate:g}")
    return ", ".join(bounds)
