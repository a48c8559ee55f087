"""An experiment ended: remember it, stop what has to stop, wake the workflow."""

from tandem.domain.clock import Clock
from tandem.domain.errors import InvalidValue
from tandem.domain.experiment_run import ExperimentRun, NotThisRunsOwner, Outcome
from tandem.domain.fault_window import ToldWindow
from tandem.domain.identity import DEFAULT_NAMESPACE, Owner
from tandem.domain.ports import Database, UnitOfWork
from tandem.services.deliver_messages import DeliverMessages
from tandem.services.learn_fault_window import warn_of_window
from tandem.telemetry import LogEvent, log, warn

_NOT_SAID = ToldWindow()


class FinishExperiment:
    """Takes ``ExperimentFinished``. One that comes before its ``ExperimentStarting`` is remembered: no load starts."""

    def __init__(self, database: Database, deliver: DeliverMessages, clock: Clock) -> None:
        self._database = database
        self._deliver = deliver
        self._clock = clock

    def __call__(
        self,
        experiment_task_id: str,
        outcome: Outcome,
        reason: str | None = None,
        user_id: str | None = None,
        namespace: str | None = None,
        fault: ToldWindow = _NOT_SAID,
    ) -> None:
        """Nothing happens when it had ended already, or when the event claims another owner's experiment.

        ``fault`` is what the event says of the fault itself; it is taken from a repeat too. One that cannot be is
        logged and left out: the end of the experiment counts all the same.
        """
        now = self._clock.now()

        def work(uow: UnitOfWork) -> None:
            run = uow.runs.lock(experiment_task_id)
            if run is None:
                remembered = ExperimentRun(experiment_task_id=experiment_task_id, created_at=now)
                remembered.owner = None if user_id is None else Owner(user_id, namespace or DEFAULT_NAMESPACE)
                remembered.finish(outcome, reason, now)
                uow.runs.add(remembered)
                return
            if run.task is None and user_id is not None and run.owner != Owner(user_id, namespace or DEFAULT_NAMESPACE):
                # Two users say that they ended the same id: neither's word may hide the other's.
                run.owner = None
            if run.owner is not None:
                claimed = Owner(user_id or run.owner.user_id, namespace or run.owner.namespace)
                run.belongs_to(claimed)
            run.finish(outcome, reason, now)
            try:
                run.learn_fault_window(fault.started_at, fault.ended_at, now)
            except InvalidValue as refusal:
                warn_of_window(experiment_task_id, refusal)
            uow.runs.save([run])

        try:
            self._database.write(work)
        except NotThisRunsOwner as refusal:
            warn(LogEvent.EXPERIMENT_REFUSED, experiment_task_id=experiment_task_id, reason=refusal.message)
            return
        log(LogEvent.EXPERIMENT_FINISHED, experiment_task_id=experiment_task_id, outcome=outcome)
        self._deliver()
