"""What a box sends: read leniently, since only few of its fields concern us."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from tandem.domain.chaosblade_box import BoxState, BoxTask, BoxUnavailable
from tandem.domain.fault_window import ToldWindow

ATTACK, RECOVER = "ATTACK", "RECOVER"
"""Names of the phases in which a fault comes, and goes."""


def _moment(value: Any) -> datetime | None:
    """Java's dates come as epoch milliseconds; one in another form is left out rather than guessed a zone for."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return datetime.fromtimestamp(value / 1000, UTC) if is_number and 0 < value < 4e12 else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Word = Annotated[str | None, BeforeValidator(_word)]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class ActivityWire(_Wire):
    """``startTime`` of an activity that never ran is when it was created (ActivityTaskQueryCommand of the source)."""

    phase: Word = None
    state: Word = None
    run_result: Word = None
    start_time: Moment = None
    end_time: Moment = None

    @property
    def skipped(self) -> bool:
        return self.run_result == "REJECTED"

    @property
    def ran(self) -> bool:
        return not self.skipped and self.state in {None, BoxState.RUNNING, BoxState.STOPPING, BoxState.FINISHED}


class TaskWire(_Wire):
    task_id: str
    experiment_id: str
    state: Word = None
    result: Word = None
    message: Word = None
    activities: list[ActivityWire] | None = None

    def to_task(self) -> BoxTask:
        """The task in our words."""
        state = BoxState(self.state) if self.state in set(BoxState) else BoxState.UNKNOWN
        skipped = None if self.activities is None else any(each.skipped for each in self.activities)
        return BoxTask(self.task_id, self.experiment_id, state, self.result, self.message, self._fault(), skipped)

    def _fault(self) -> ToldWindow:
        """From the first attack's start to the last recovery's end, or the last attack's where nothing recovers."""
        ran = [each for each in self.activities or [] if each.ran]
        starts = [each.start_time for each in ran if each.phase == ATTACK and each.start_time is not None]
        attacked = [each.end_time for each in ran if each.phase == ATTACK and each.end_time is not None]
        recovered = [each.end_time for each in ran if each.phase == RECOVER and each.end_time is not None]
        ends = recovered or attacked
        if not starts or not ends or max(ends) <= min(starts):
            return ToldWindow()
        return ToldWindow(min(starts), max(ends))


class PageWire(_Wire):
    content: list[TaskWire] | None = None


def read_task(result: object) -> BoxTask:
    """Raises BoxUnavailable for what is no task."""
    try:
        return TaskWire.model_validate(result).to_task()
    except ValidationError as error:
        raise BoxUnavailable("the box's answer is no experiment task") from error


def read_page(result: object) -> list[BoxTask]:
    """Raises BoxUnavailable for what is no page of tasks; no result at all is an empty one."""
    if result is None:
        return []
    try:
        return [each.to_task() for each in PageWire.model_validate(result).content or []]
    except ValidationError as error:
        raise BoxUnavailable("the box's answer is no page of experiment tasks") from error
