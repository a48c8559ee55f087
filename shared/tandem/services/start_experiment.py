"""An experiment is about to start: set its workflow going, once, if a load goes with it."""

import hashlib
import re
from datetime import timedelta

from tandem.domain.announcement import NoLoadCode
from tandem.domain.clock import Clock
from tandem.domain.limits import Limits
from tandem.domain.ports import Database, UnitOfWork, Workflows
from tandem.domain.starting_experiment import StartingExperiment
from tandem.domain.timestamps import iso_utc
from tandem.services.note_announcement import NoteAnnouncement
from tandem.telemetry import LogEvent, log, warn


class StartExperiment:
    """One execution for each experiment task; the name makes repeated events one.

    The strategy is looked for before: an execution that ended without one would hold its name for 90 days, and with it
    the id.
    """

    def __init__(
        self, database: Database, workflows: Workflows, note: NoteAnnouncement, clock: Clock, limits: Limits
    ) -> None:
        self._database = database
        self._workflows = workflows
        self._note = note
        self._clock = clock
        self._answered_for = timedelta(seconds=limits.finish_remembered)

    def __call__(self, experiment: StartingExperiment) -> None:
        """Raises WorkflowUnavailable, DatabaseUnavailable; then the event comes again."""
        error = experiment.error_of_fault_at(self._clock.now())
        if error is not None:
            warn(LogEvent.EVENT_REFUSED, experiment_task_id=experiment.experiment_task_id, faults=[error])
            self._note(experiment, NoLoadCode.EVENT_REFUSED, error)
            return
        name = self._database.read(lambda uow: self._execution(uow, experiment))
        if isinstance(name, NoLoadCode):
            self._note(experiment, name)
            return
        if name is None:
            log(LogEvent.EXPERIMENT_ANSWERED, experiment_task_id=experiment.experiment_task_id)
            return
        self._workflows.start(
            name,
            {
                "experimentId": experiment.experiment_id,
                "experimentTaskId": experiment.experiment_task_id,
                "userId": experiment.owner.user_id,
                "namespace": experiment.owner.namespace,
                "faultAt": None if experiment.fault_at is None else iso_utc(experiment.fault_at),
            },
        )

    def _execution(self, uow: UnitOfWork, experiment: StartingExperiment) -> str | NoLoadCode | None:
        """The name of its execution, or why it gets none; None when that was answered already."""
        run = uow.runs.get(experiment.experiment_task_id)
        if run is not None and run.task is not None:
            if run.owner != experiment.owner:
                return NoLoadCode.EXPERIMENT_TASK_ID_TAKEN
            if run.workflow_arn is not None:
                # A repeat finds the execution that leads the run, however the strategy was changed since.
                return run.workflow_arn.rpartition(":")[2]
        since = self._clock.now() - self._answered_for
        announced = uow.announcements.find(experiment.owner, experiment.experiment_task_id, since)
        if announced is not None and announced.answered_at is not None:
            return None
        strategy = uow.strategies.live_for_experiment(experiment.owner, experiment.experiment_id)
        if strategy is None or not strategy.enable:
            return NoLoadCode.NO_ENABLED_STRATEGY
        # With the strategy as it is now: an execution that finds it disabled must not use up the id.
        version = f"{strategy.strategy_id} {iso_utc(strategy.updated_at)}"
        return execution_name(experiment.experiment_task_id, version)


def execution_name(experiment_task_id: str, version: str) -> str:
    """A name that Step Functions takes (80 of ``A-Za-z0-9-_``), readable, and different for different ids."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "-", experiment_task_id)[:40]
    # A line feed is no part of an id, so that no two pairs give one text.
    digest = hashlib.sha256(f"{experiment_task_id}\n{version}".encode()).hexdigest()[:32]
    return f"{readable}-{digest}"
