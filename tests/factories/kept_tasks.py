"""Tasks in the database, and their loads on a programmable engine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tandem.bootstrap import application
from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.engine_state import StopReason
from tandem.domain.experiment_run import ExperimentRun, Outcome, RunPlan
from tandem.domain.identity import Owner
from tandem.domain.load_engine import StartLoad
from tandem.domain.task import TaskStatus
from tandem.domain.timestamps import to_millis

from tests.factories.experiments import OWNER, definition, strategy
from tests.fakes.trap_engine import TrapEngine


def pending_task(
    name: str = "1",
    owner: Owner = OWNER,
    created_at: datetime | None = None,
    ramp_up: int = 0,
    threads: int = 1,
    engines: int = 1,
) -> ExperimentRun:
    """A task that has not been started: ``ldtask_<name>`` of the experiment task ``et-<name>``."""
    now = created_at or to_millis(datetime.now(UTC))
    run = ExperimentRun(
        experiment_task_id=f"et-{name}", created_at=now, owner=owner, experiment_id="exp-1", workflow_arn="arn:x"
    )
    plan = RunPlan(
        replace(strategy(), owner=owner, engines=engines),
        replace(definition(), owner=owner, ramp_up=ramp_up, threads=threads),
    )
    run.create_task(f"ldtask_{name}", plan, now, now)
    application().database.write(lambda uow: uow.runs.add(run))
    return run


def save(run: ExperimentRun) -> None:
    application().database.write(lambda uow: uow.runs.save([run]))


def running_task(engine: TrapEngine, name: str = "1", owner: Owner = OWNER, threads: int = 1) -> ExperimentRun:
    """A task whose load runs on the engine since now."""
    run = pending_task(name, owner, threads=threads)
    now = to_millis(datetime.now(UTC))
    client = application().engines.of(DEFAULT_ENGINE)
    path = client.upload_plan("plan.jmx", [b"<x/>"])
    started = client.start(StartLoad(f"tandem ldtask_{name}", path, threads=2, duration=60, timeout=3600))
    run.try_start(now)
    run.attempt_start(now)
    run.accept_load(started, 120, now)
    run.see_first_sample(now)
    run.prove_load("enough", now)
    save(run)
    return run


def open_window(run: ExperimentRun, after_seconds: float) -> None:
    run.open_window(load_proven=True, reason=None, now=_after(run, after_seconds))
    save(run)


def report_fault(run: ExperimentRun, start_seconds: float, end_seconds: float) -> None:
    """The platform says when the fault began and ended."""
    run.learn_fault_window(_after(run, start_seconds), _after(run, end_seconds), _after(run, end_seconds))
    save(run)


def finish(run: ExperimentRun, after_seconds: float) -> None:
    """The experiment ended normally: the load goes on."""
    run.finish(Outcome.SUCCEEDED, None, _after(run, after_seconds))
    save(run)


def end(run: ExperimentRun, status: TaskStatus, after_seconds: float, reason: str = "ended") -> None:
    if status is TaskStatus.STOPPED:
        run.request_stop(StopReason.USER, reason, _after(run, after_seconds))
    run.end_task(status, reason, _after(run, after_seconds))
    save(run)


def _after(run: ExperimentRun, seconds: float) -> datetime:
    return (run.load_accepted_at or run.created_at) + timedelta(seconds=seconds)
