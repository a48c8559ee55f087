"""What the chaos platform tells of an experiment that is about to start."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

from tandem.domain.announcement import NoLoadCode
from tandem.domain.identity import DEFAULT_NAMESPACE, Owner, error_of_id
from tandem.domain.starting_experiment import StartingExperiment
from tandem.triggers.platform_events import EventDetail, Id, Refused


def _or_default(given: object) -> object:
    return DEFAULT_NAMESPACE if given is None or given == "" else given


def _or_none(given: object) -> object:
    return None if given == "" else given


class ExperimentStartingDetail(EventDetail):
    """``faultAt`` (RFC 3339): when the platform itself will inject.

    A wrong namespace or ``faultAt`` refuses the event, unlike with the others: the load would go to another owner's
    system, or come at another time than the fault.
    """

    experiment_id: Id
    user_id: Id
    namespace: Annotated[Id, BeforeValidator(_or_default)] = DEFAULT_NAMESPACE
    fault_at: Annotated[AwareDatetime | None, BeforeValidator(_or_none)] = None

    @property
    def experiment(self) -> StartingExperiment:
        return StartingExperiment(
            self.experiment_id, self.experiment_task_id, Owner(self.user_id, self.namespace), self.fault_at
        )


def refusal_noted(note: Callable[[], Callable[[StartingExperiment, NoLoadCode, str], object]]) -> Refused:
    """What keeps a refused ``ExperimentStarting`` for the user whom it names to see; ``note`` gives the service."""

    def refused(told: Mapping[str, Any], why: str) -> None:
        task_id, user_id = told.get("experimentTaskId"), told.get("userId")
        if error_of_id(task_id) is not None or error_of_id(user_id) is not None:
            return
        owner = Owner(str(user_id), _or(told.get("namespace"), DEFAULT_NAMESPACE))
        experiment = StartingExperiment(_or(told.get("experimentId"), ""), str(task_id), owner)
        note()(experiment, NoLoadCode.EVENT_REFUSED, why)

    return refused


def _or(value: object, otherwise: str) -> str:
    return otherwise if error_of_id(value) is not None else str(value)
