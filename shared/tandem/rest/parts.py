"""The view of a load that is divided among several engines."""

from typing import Annotated

from pydantic import Field

from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.load_part import LoadPart
from tandem.domain.task import TaskStatus
from tandem.rest.parameters import Document
from tandem.rest.views import Moment


class PartView(Document):
    """One engine's share of a load; times and paths are null before the engine took it.

    ``status`` is as a task's: PENDING, RUNNING, or how the part ended; ``endReason`` says why it ended so. ``threads``
    is null for a load that was found on an engine that was not to run any of it.
    """

    engine: str
    threads: int | None
    execution_id: str | None
    status: TaskStatus
    start_time: Moment | None
    end_time: Moment | None
    end_reason: str | None
    result_path: str | None
    report_path: str | None
    log_path: str | None

    @classmethod
    def of(cls, part: LoadPart) -> "PartView":
        end = part.end
        return cls.model_construct(
            engine=part.engine,
            threads=part.threads or None,
            execution_id=part.execution_id,
            status=part.status,
            start_time=part.accepted_at,
            end_time=None if end is None else end.ended_at,
            end_reason=None if end is None else end.reason,
            result_path=part.result_path,
            report_path=part.report_path,
            log_path=part.log_path,
        )


Parts = Annotated[
    list[PartView] | None,
    Field(description="The shares of a load on several engines; null before it was placed, and for one on one engine."),
]


def parts_of(run: ExperimentRun) -> list[PartView] | None:
    """What of the run's load is on which engine."""
    return [PartView.of(part) for part in run.parts] or None
