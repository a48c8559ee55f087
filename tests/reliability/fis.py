"""AWS FIS under simulation: the Injections port of the functions, and the two calls of the state machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from tandem.domain.injection import TASK_TAG, Injection, InjectionState, InjectionsUnavailable

from tests.reliability.interpreter import Json, TaskError
from tests.reliability.simulation import EPOCH, Simulation

SECONDS_TO_STOP = 2.0


class FisFault(StrEnum):
    """NOT_DONE: throttled. ANSWER_LOST: it was done, and nobody heard of it. REFUSED: no, for good."""

    NOT_DONE = "NOT_DONE"
    ANSWER_LOST = "ANSWER_LOST"
    REFUSED = "REFUSED"


@dataclass(slots=True)
class SimulatedInjection:
    """One experiment; times in simulated seconds."""

    injection_id: str
    template_id: str
    task_id: str
    began_at: float
    ends_at: float
    ends_as: InjectionState = InjectionState.COMPLETED
    state: InjectionState = InjectionState.RUNNING
    ended_at: float | None = None


class SimulatedFis:
    """``seconds_of``: how long the fault of a template lasts. ``tell``: where events go."""

    def __init__(self, simulation: Simulation, tell: Callable[[Json], None]) -> None:
        self._simulation = simulation
        self._tell = tell
        self.seconds_of: dict[str, float] = {}
        self.faults: list[FisFault] = []
        self.events_to_lose = 0
        self.by_token: dict[str, SimulatedInjection] = {}

    @property
    def running(self) -> list[SimulatedInjection]:
        return [each for each in self.experiments if not each.state.ended]

    @property
    def experiments(self) -> list[SimulatedInjection]:
        """As they are now. FIS outlives our machine: what is due there ends, though nobody here was waiting for it."""
        for each in self.by_token.values():
            self._advance(each)
        return list(self.by_token.values())

    # --- what the state machine calls -------------------------------------------------------------------------------

    def call(self, action: str, parameters: Mapping[str, Any]) -> Json:
        """Raises TaskError by the names that Step Functions gives FIS's errors."""
        self._simulation.approach(f"fis {action}")
        fault = self.faults.pop(0) if self.faults else None
        if fault is FisFault.NOT_DONE:
            raise TaskError("Fis.FisException", "throttled")
        if fault is FisFault.REFUSED:
            raise TaskError("Fis.ServiceQuotaExceededException", "quota")
        match action:
            case "startExperiment":
                found = self._start(parameters)
            case "stopExperiment":
                found = self._stop(parameters["Id"])
            case _:
                raise NotImplementedError(action)
        self._simulation.done(f"fis {action}")
        if fault is FisFault.ANSWER_LOST:
            raise TaskError("Fis.SdkClientException", "the answer was lost")
        return {"Experiment": {"Id": found.injection_id, "State": {"Status": found.state.lower()}}}

    def _start(self, parameters: Mapping[str, Any]) -> SimulatedInjection:
        token, template_id = parameters["ClientToken"], parameters["ExperimentTemplateId"]
        if token not in self.by_token:
            begun = SimulatedInjection(
                f"EXP{len(self.by_token) + 1}",
                template_id,
                parameters["Tags"][TASK_TAG],
                began_at=self._simulation.now,
                ends_at=self._simulation.now + self.seconds_of[template_id],
            )
            self.by_token[token] = begun
            self._say(begun)
            self._simulation.after(self.seconds_of[template_id], lambda: self._advance(begun))
        return self.by_token[token]

    def _stop(self, injection_id: str) -> SimulatedInjection:
        [found] = [each for each in self.experiments if each.injection_id == injection_id]
        if found.state.ended:
            raise TaskError("Fis.ValidationException", "it has ended")
        if found.state is InjectionState.RUNNING:
            found.state, found.ends_as = InjectionState.STOPPING, InjectionState.STOPPED
            found.ends_at = self._simulation.now + SECONDS_TO_STOP
            self._simulation.after(SECONDS_TO_STOP, lambda: self._advance(found))
        return found

    def _advance(self, experiment: SimulatedInjection) -> None:
        if not experiment.state.ended and self._simulation.now >= experiment.ends_at:
            experiment.state, experiment.ended_at = experiment.ends_as, experiment.ends_at
            self._say(experiment)

    def _say(self, experiment: SimulatedInjection) -> None:
        self._simulation.trace.append(
            f"{self._simulation.now:9.3f} -: FIS {experiment.injection_id} is {experiment.state}"
        )
        if self.events_to_lose:
            self.events_to_lose -= 1
            return
        self._tell(
            {
                "experiment-id": experiment.injection_id,
                "experiment-template-id": experiment.template_id,
                "new-state": {"status": experiment.state.lower(), "reason": "simulated"},
            }
        )

    # --- the Injections port ----------------------------------------------------------------------------------------

    def get(self, injection_id: str) -> Injection | None:
        self._asked("get")
        return next((self._told(each) for each in self.experiments if each.injection_id == injection_id), None)

    def find(self, template_id: str, task_id: str) -> Injection | None:
        self._asked("list")
        same = (each for each in self.experiments if (each.template_id, each.task_id) == (template_id, task_id))
        return next((self._told(each) for each in same), None)

    def stop(self, injection_id: str) -> None:
        self._asked("stop")
        try:
            self._stop(injection_id)
        except TaskError:
            self._simulation.say("it had ended")
        self._simulation.done("fis stop")

    def _asked(self, what: str) -> None:
        self._simulation.approach(f"fis {what}")
        if self.faults:
            self.faults.pop(0)
            raise InjectionsUnavailable("FIS gave no usable answer: throttled")

    def _told(self, experiment: SimulatedInjection) -> Injection:
        def moment(seconds: float | None) -> Any:
            return None if seconds is None else EPOCH + timedelta(seconds=seconds)

        return Injection(
            injection_id=experiment.injection_id,
            template_id=experiment.template_id,
            state=experiment.state,
            task_id=experiment.task_id,
            fault_started_at=moment(experiment.began_at),
            fault_ended_at=moment(experiment.ended_at),
        )
