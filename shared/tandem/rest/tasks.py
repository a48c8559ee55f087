"""Parameters and views of load-test tasks."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.paging import Page
from tandem.domain.ports import TaskFilter, TaskKey
from tandem.domain.task import TaskStatus
from tandem.domain.verdict_reasons import VerdictStatus
from tandem.rest.gate import GateProgressView
from tandem.rest.paging import Paged, PageView, page_fields
from tandem.rest.parameters import Document, Identifier, Parameters
from tandem.rest.parts import Parts, parts_of
from tandem.rest.views import Moment

_DESCRIPTIONS = {
    TaskStatus.PENDING: ("等待中", "Pending"),
    TaskStatus.RUNNING: ("运行中", "Running"),
    TaskStatus.SUCCEEDED: ("成功", "Succeeded"),
    TaskStatus.FAILED: ("失败", "Failed"),
    TaskStatus.STOPPED: ("已停止", "Stopped"),
    TaskStatus.TIMEOUT: ("超时", "Timed out"),
}


class TaskSelector(Parameters):
    """A task by its own id or its experiment task's; ``experimentTaskId`` wins."""

    experiment_task_id: Identifier | None = Field(default=None, description="Wins over taskId.")
    task_id: Annotated[Identifier | None, Field(description="A load-test task's id or an experiment task's.")] = Field(
        default=None, validate_default=True
    )

    @field_validator("task_id")
    @classmethod
    def _one_is_named(cls, task_id: str | None, info: ValidationInfo) -> str | None:
        if task_id is None and info.data.get("experiment_task_id", "") is None:
            raise ValueError("is required, or experimentTaskId is")
        return task_id

    @property
    def key(self) -> TaskKey:
        return TaskKey(self.task_id, self.experiment_task_id)


class TaskOfExperiment(Parameters):
    experiment_task_id: Identifier

    @property
    def key(self) -> TaskKey:
        return TaskKey(experiment_task_id=self.experiment_task_id)


class TaskById(Parameters):
    task_id: Identifier

    @property
    def key(self) -> TaskKey:
        return TaskKey(task_id=self.task_id)


class TaskQuery(Paged):
    strategy_id: Identifier | None = None
    experiment_task_id: Identifier | None = None
    status: TaskStatus | None = None
    verdict: VerdictStatus | None = None

    @property
    def wanted(self) -> TaskFilter:
        return TaskFilter(self.strategy_id, self.experiment_task_id, self.status, self.verdict)


class TaskView(Document):
    """A load-test task.

    Of a load on several engines, ``executionId`` and the paths are those of the first part; ``parts`` has all.
    ``verdict`` is that of the run's archive, null before there is one. ``endedAsPlanned``: the load ran and ended of
    itself, or was stopped with its experiment by ``stopOnCompletion``. ``windowOpenedAt`` is when we opened the fault
    window, ``finishedAt`` when the experiment ended.
    """

    task_id: str
    strategy_id: str
    experiment_task_id: str
    execution_id: str | None
    status: TaskStatus
    status_description: str
    start_time: Moment | None
    end_time: Moment | None
    error_message: str | None
    result_path: str | None
    report_path: str | None
    log_path: str | None
    created_at: Moment
    updated_at: Moment
    stop_requested: bool
    fault_at: Moment | None
    deadline: Moment | None
    parts: Parts
    gate: GateProgressView | None
    experiment_id: str | None
    verdict: VerdictStatus | None
    ended_as_planned: bool
    window_opened_at: Moment | None
    finished_at: Moment | None

    @classmethod
    def of(cls, run: ExperimentRun, language: str) -> "TaskView":
        """Show a run's task. ``faultAt`` is when the window opened, else when it is due."""
        task = run.started_task
        chinese, english = _DESCRIPTIONS[task.status]
        return cls.model_construct(
            task_id=task.task_id,
            strategy_id=task.strategy_id,
            experiment_task_id=task.experiment_task_id,
            execution_id=task.execution_id,
            status=task.status,
            status_description=english if language == "en" else chinese,
            start_time=task.start_time,
            end_time=task.end_time,
            error_message=task.error_message,
            result_path=task.result_path,
            report_path=task.report_path,
            log_path=task.log_path,
            created_at=task.created_at,
            updated_at=task.updated_at,
            stop_requested=run.stop_requested_at is not None,
            fault_at=run.window_opened_at or run.window_due_at,
            deadline=run.deadline,
            parts=parts_of(run),
            gate=GateProgressView.of(run),
            experiment_id=run.experiment_id,
            verdict=None if run.verdict is None else VerdictStatus(run.verdict),
            ended_as_planned=run.ended_as_planned,
            window_opened_at=run.window_opened_at,
            finished_at=run.finished_at,
        )


class TaskPage(PageView[TaskView]):
    """A page of tasks."""

    @classmethod
    def of(cls, page: Page[ExperimentRun], language: str) -> "TaskPage":
        return cls(**page_fields(page), data=[TaskView.of(run, language) for run in page.items])
