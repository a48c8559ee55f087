"""Whoever injects the fault says when it began or ended: the analysis takes its phases from that."""

from tandem.domain.clock import Clock
from tandem.domain.errors import InvalidValue
from tandem.domain.experiment_run import NotThisRunsOwner
from tandem.domain.fault_window import ToldWindow
from tandem.domain.identity import Owner
from tandem.domain.ports import Database, UnitOfWork
from tandem.services.deliver_messages import DeliverMessages
from tandem.telemetry import LogEvent, log, warn


class LearnFaultWindow:
    """Takes ``FaultStateChanged``."""

    def __init__(self, database: Database, deliver: DeliverMessages, clock: Clock) -> None:
        self._database = database
        self._deliver = deliver
        self._clock = clock

    def __call__(
        self, experiment_task_id: str, fault: ToldWindow, user_id: str | None = None, namespace: str | None = None
    ) -> None:
        """An experiment that we do not know has no load, so nothing is kept of its fault.

        What cannot be so, or claims another owner's experiment, is logged and changes nothing.
        """
        now = self._clock.now()

        def work(uow: UnitOfWork) -> bool:
            run = uow.runs.lock(experiment_task_id)
            if run is None:
                return False
            if run.owner is not None:
                run.belongs_to(Owner(user_id or run.owner.user_id, namespace or run.owner.namespace))
            run.learn_fault_window(fault.started_at, fault.ended_at, now)
            uow.runs.save([run])
            return True

        try:
            known = self._database.write(work)
        except NotThisRunsOwner as refusal:
            warn(LogEvent.EXPERIMENT_REFUSED, experiment_task_id=experiment_task_id, reason=refusal.message)
            return
        except InvalidValue as refusal:
            warn_of_window(experiment_task_id, refusal)
            return
        log(LogEvent.FAULT_WINDOW_LEARNED, experiment_task_id=experiment_task_id, known=known)
        self._deliver()


def warn_of_window(experiment_task_id: str, refusal: InvalidValue) -> None:
    """Log a fault window that cannot be so: to fail would only bring the event back."""
    faults = [f"{fault.field}: {fault.message}" for fault in refusal.details]
    warn(LogEvent.FAULT_WINDOW_REFUSED, experiment_task_id=experiment_task_id, faults=faults)
