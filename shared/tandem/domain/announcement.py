"""An experiment that was announced and got no load: kept for a day, so that whoever announced it finds out why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tandem.domain.identity import Owner
from tandem.domain.messages import EventName, Message, Subject
from tandem.domain.starting_experiment import StartingExperiment
from tandem.domain.timestamps import iso_utc

LONGEST_REASON = 2000


class NoLoadCode(StrEnum):
    """Why an announced experiment has no load.

    NO_ENABLED_STRATEGY: none of this user, in this namespace, for this experiment, or it is disabled.
    EVENT_REFUSED: a field of the event cannot be read. EXPERIMENT_ENDED: its end came before its start.
    EXPERIMENT_TASK_ID_TAKEN: the id belongs to somebody else's run. TOO_MANY_RUNS: the user has as many as he may.
    """

    NO_ENABLED_STRATEGY = "NO_ENABLED_STRATEGY"
    EVENT_REFUSED = "EVENT_REFUSED"
    EXPERIMENT_ENDED = "EXPERIMENT_ENDED"
    EXPERIMENT_TASK_ID_TAKEN = "EXPERIMENT_TASK_ID_TAKEN"
    TOO_MANY_RUNS = "TOO_MANY_RUNS"


@dataclass(frozen=True, slots=True)
class Announcement:
    """The last word on an experiment task of an owner's that has no load. ``experiment_id`` is empty where the event
    had none that could be read. ``answered_at``: when ``FaultWindowOpen`` without a load was sent for it; the id is
    used up by that.
    """

    experiment_task_id: str
    owner: Owner
    experiment_id: str
    code: NoLoadCode
    reason: str
    at: datetime
    answered_at: datetime | None = None

    @property
    def sentence(self) -> str:
        """What happened, for an API caller."""
        return f"It was announced at {iso_utc(self.at)}: {self.reason}."

    def answer(self, now: datetime) -> Message:
        """``FaultWindowOpen`` that says that no load runs; there is no task, so ``taskId`` is null."""
        subject = Subject(
            experiment_id=self.experiment_id,
            experiment_task_id=self.experiment_task_id,
            task_id=None,
            user_id=self.owner.user_id,
            namespace=self.owner.namespace,
        )
        more = {"loadProven": False, "loadStartedAt": None, "reason": "no enabled strategy"}
        return subject.event(EventName.FAULT_WINDOW_OPEN, now, **more)


def without_load(experiment: StartingExperiment, code: NoLoadCode, now: datetime, why: str = "") -> Announcement:
    """The entry for an experiment that gets no load; ``why`` stands for a reason that only the caller knows."""
    owner = experiment.owner
    sentences = {
        NoLoadCode.NO_ENABLED_STRATEGY: (
            f"no enabled strategy for experiment {experiment.experiment_id!r} of user {owner.user_id!r} in namespace "
            f"{owner.namespace!r}: no load"
        ),
        NoLoadCode.EVENT_REFUSED: f"the event was refused: {why}",
        NoLoadCode.EXPERIMENT_ENDED: "the experiment ended before it was seen to start: no load",
        NoLoadCode.TOO_MANY_RUNS: f"{why or 'the user has as many runs as one may have'}: no load",
        NoLoadCode.EXPERIMENT_TASK_ID_TAKEN: "its experimentTaskId belongs to another run: no load",
    }
    reason = sentences[code][:LONGEST_REASON]
    return Announcement(experiment.experiment_task_id, owner, experiment.experiment_id, code, reason, now)
