"""Experiment runs with their tasks: read as one, locked as one, written as one."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, literal, or_, select

from tandem.adapters.database import tables
from tandem.adapters.database.audit import SqlAudit
from tandem.adapters.database.bulk_update import BulkUpdate
from tandem.adapters.database.documents import GATE_FIGURES, GENERATORS, LOAD_PARTS, RUN_PLAN, to_json
from tandem.adapters.database.outbox import SqlOutbox
from tandem.adapters.database.row_documents import RowDocument
from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.engine_state import StopReason
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.identity import Owner
from tandem.domain.load_part import LoadPart
from tandem.domain.paging import Page, PageRequest
from tandem.domain.ports import TaskFilter, TaskKey
from tandem.domain.sweep_shard import SweepShard
from tandem.domain.task import LoadTestTask, TaskStatus
from tandem.domain.unsettled_run import UnsettledRun

_TASK, _RUN = tables.task, tables.run
_WHOLE = RowDocument(
    {f"task_{column.name}": column for column in _TASK.c} | {f"run_{column.name}": column for column in _RUN.c}
)
_RUN_WITH_TASK = select(_WHOLE.column).select_from(_RUN.outerjoin(_TASK, _TASK.c.task_id == _RUN.c.task_id))
_TASK_WITH_RUN = select(_WHOLE.column).select_from(_TASK.outerjoin(_RUN, _TASK.c.task_id == _RUN.c.task_id))

_PLAIN_FIELDS = (
    "workflow_arn",
    "fault_at",
    "start_due_at",
    "start_first_tried_at",
    "start_attempted_at",
    "load_accepted_at",
    "load_started_at",
    "load_proven_at",
    "load_failure",
    "deadline",
    "window_due_at",
    "window_opened_at",
    "abort_requested_at",
    "task_token",
    "stop_requested_at",
    "stop_cause",
    "stop_reason",
    "stop_claimed_at",
    "stop_confirmed_at",
    "finished_at",
    "outcome",
    "finish_reason",
    "fault_started_at",
    "fault_ended_at",
    "injection_id",
    "injection_ended_at",
    "missing_sweeps",
    "window_load_proven",
    "engine",
    "threads",
    "verdict",
    "archived_at",
    "stop_overdue_at",
)
# In the order of UnsettledRun's members.
_SHORT_COLUMNS = [
    _RUN.c.experiment_task_id,
    _TASK.c.task_id,
    _TASK.c.status,
    _TASK.c.execution_id,
    _RUN.c.gmt_create,
    _RUN.c.experiment_id,
    _RUN.c.workflow_arn,
    _RUN.c.deadline,
    _RUN.c.window_opened_at,
    _RUN.c.abort_requested_at,
    _RUN.c.stop_requested_at,
    _RUN.c.stop_confirmed_at,
    _RUN.c.finished_at,
    _RUN.c.injection_ended_at,
    _RUN.c.missing_sweeps,
    _RUN.c.watched,
    _RUN.c.engine,
    _RUN.c.parts,
]
_SHORT = RowDocument({column.name: column for column in _SHORT_COLUMNS})
_UNSETTLED = select(_SHORT.column).select_from(_RUN.join(_TASK, _TASK.c.task_id == _RUN.c.task_id))


class RowChanged(Exception):
    """A compare-and-set found another state than the one that was read."""


class SqlRuns:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.measured: list[dict[str, float]] = []
        self._locked: dict[str, Mapping[str, Any]] = {}

    def add(self, run: ExperimentRun) -> None:
        """Insert a new run, with its task when it has one."""
        self._connection.execute(insert(_RUN).values(gmt_create=run.created_at, **_identity(run), **_memory(run)))
        if run.task is not None:
            self._insert_task(run.task)
        self._record([run])

    def lock(self, experiment_task_id: str) -> ExperimentRun | None:
        """The run and its task, held until the transaction ends."""
        query = _RUN_WITH_TASK.where(_RUN.c.experiment_task_id == experiment_task_id)
        return next(iter(self._lock(query)), None)

    def lock_by_task_ids(self, task_ids: Sequence[str]) -> list[ExperimentRun]:
        """The runs of these tasks, held until the transaction ends, always in the same order."""
        query = _RUN_WITH_TASK.where(_RUN.c.task_id.in_(task_ids)).order_by(_RUN.c.id)
        return self._lock(query) if task_ids else []

    def get(self, experiment_task_id: str) -> ExperimentRun | None:
        return self._first(_RUN_WITH_TASK.where(_RUN.c.experiment_task_id == experiment_task_id))

    def find(self, owner: Owner, key: TaskKey) -> ExperimentRun | None:
        """An owner's task by either id; a task id goes before an equal experiment task id, the newest before others."""
        named: ColumnElement[bool]
        first: list[ColumnElement[Any]] = [_TASK.c.id.desc()]
        if key.experiment_task_id is not None:
            named = _TASK.c.experiment_task_id == key.experiment_task_id
        else:
            named = or_(_TASK.c.task_id == key.task_id, _TASK.c.experiment_task_id == key.task_id)
            first.insert(0, (_TASK.c.task_id == key.task_id).desc())
        return self._first(_TASK_WITH_RUN.where(named, *_visible(owner)).order_by(*first).limit(1))

    def page(self, owner: Owner, wanted: TaskFilter, page: PageRequest) -> Page[ExperimentRun]:
        """One page of an owner's tasks, newest first, in two statements."""
        conditions = _visible(owner)
        for column, value in (
            (_TASK.c.strategy_id, wanted.strategy_id),
            (_TASK.c.experiment_task_id, wanted.experiment_task_id),
            (_TASK.c.status, wanted.status),
        ):
            if value is not None:
                conditions.append(column == value)
        counted = select(func.count()).select_from(_TASK)
        if wanted.verdict is not None:
            counted = counted.join(_RUN, _RUN.c.task_id == _TASK.c.task_id)
            conditions.append(_RUN.c.verdict == wanted.verdict)
        total = self._connection.execute(counted.where(*conditions)).scalar_one()
        rows = _TASK_WITH_RUN.where(*conditions).order_by(_TASK.c.id.desc()).limit(page.size).offset(page.offset)
        return Page(page, total, self._all(rows))

    def earlier_of_strategy(self, run: ExperimentRun, limit: int) -> list[ExperimentRun]:
        """Ended runs of the same strategy that were created before this one, newest first."""
        task = run.started_task
        ended = [status for status in TaskStatus if status.ended]
        before = (
            _TASK.c.strategy_id == task.strategy_id,
            _TASK.c.status.in_(ended),
            _RUN.c.gmt_create < run.created_at,
        )
        visible = _visible(Owner(task.user_id, task.namespace))
        return self._all(_TASK_WITH_RUN.where(*before, *visible).order_by(_TASK.c.id.desc()).limit(limit))

    def unsettled(self, limit: int, shard: SweepShard | None = None) -> list[UnsettledRun]:
        """Runs that still need somebody's attention, oldest first, in one narrow read."""
        wanted = [_RUN.c.settled == 0]
        if shard is not None:
            # The index alone tells which rows these are.
            wanted.append(_RUN.c.id % shard.of == shard.number)
        query = _UNSETTLED.where(*wanted).order_by(_RUN.c.id).limit(limit)
        return [_short(values) for values in _SHORT.values(self._connection, query)]

    def unsettled_on(self, engine: str) -> list[str]:
        mine = [_RUN.c.engine == engine, _RUN.c.engines > 1]
        if engine == DEFAULT_ENGINE:
            mine.append(_RUN.c.engine.is_(None))
        query = select(_RUN.c.experiment_task_id, _RUN.c.parts).where(_RUN.c.settled == 0, or_(*mine))
        found = self._connection.execute(query.order_by(_RUN.c.id))
        return [
            row.experiment_task_id
            for row in found
            if row.parts is None or any(part.engine == engine for part in _parts(row.parts))
        ]

    def count_unsettled(self) -> int:
        return self._connection.execute(select(func.count()).where(_RUN.c.settled == 0)).scalar_one()

    def count_unsettled_of(self, user_id: str) -> int:
        # A finished experiment that never got a task is kept for its end alone; it is no run.
        mine = (_RUN.c.settled == 0, _RUN.c.user_id == user_id, _RUN.c.task_id.is_not(None))
        return self._connection.execute(select(func.count()).where(*mine)).scalar_one()

    def settled_among(self, task_ids: Sequence[str]) -> list[str]:
        query = select(_RUN.c.task_id).where(_RUN.c.task_id.in_(task_ids), _RUN.c.settled == 1)
        return list(self._connection.execute(query).scalars()) if task_ids else []

    def get_many(self, experiment_task_ids: Sequence[str]) -> list[ExperimentRun]:
        """Those of these experiment tasks that there are runs of."""
        query = _RUN_WITH_TASK.where(_RUN.c.experiment_task_id.in_(experiment_task_ids))
        return self._all(query) if experiment_task_ids else []

    def of_injection(self, injection_id: str, experiment_id: str) -> list[ExperimentRun]:
        """The run of a FIS experiment; while none is known for it, those of its template that know none yet."""
        known = self._all(_RUN_WITH_TASK.where(_RUN.c.injection_id == injection_id))
        if known:
            return known
        waits = (_RUN.c.settled == 0, _RUN.c.experiment_id == experiment_id, _RUN.c.injection_id.is_(None))
        return self._all(_RUN_WITH_TASK.where(*waits).order_by(_RUN.c.id))

    def save(self, runs: Sequence[ExperimentRun]) -> None:
        """Write rows, audit entries and messages of locked runs. Raises RowChanged when a task's state was another."""
        if not runs:
            return
        old = [run for run in runs if run.task is not None and run.loaded_status is not None]
        self._write(_SAVE_TASK, "task", [(run.experiment_task_id, _task_change(run)) for run in old])
        for run in runs:
            if run.task is not None and run.loaded_status is None:
                self._insert_task(run.task)
        self._write(_SAVE_RUN, "run", [(run.experiment_task_id, _identity(run) | _memory(run)) for run in runs])
        self._record(runs)

    def _write(self, update: BulkUpdate, prefix: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Write the columns in which any of these rows differs from the row that was locked."""
        changed: list[dict[str, Any]] = []
        columns: set[str] = set()
        for experiment_task_id, values in rows:
            before = self._locked.get(experiment_task_id)
            names = values.keys() - update.names_of_the_row
            if before is not None:
                names = {name for name in names if before[f"{prefix}_{name}"] != values[name]}
            if names:
                changed.append(values)
                columns |= names
        if changed and update(self._connection, changed, sorted(columns)) != len(changed):
            raise RowChanged

    def _insert_task(self, task: LoadTestTask) -> None:
        self._connection.execute(
            insert(_TASK).values(
                task_id=task.task_id,
                strategy_id=task.strategy_id,
                experiment_task_id=task.experiment_task_id,
                user_id=task.user_id,
                namespace=task.namespace,
                gmt_create=task.created_at,
                is_delete=0,
                **_task_memory(task),
            )
        )

    def _record(self, runs: Sequence[ExperimentRun]) -> None:
        """Write what the runs noted since they were read, and forget it there."""
        entries = [entry for run in runs for entry in run.audit]
        SqlAudit(self._connection).append(entries)
        moment = max((entry.at for entry in entries), default=max(run.created_at for run in runs))
        SqlOutbox(self._connection).append([message for run in runs for message in run.messages], moment)
        self.measured += [run.measured.copy() for run in runs if run.measured]
        for run in runs:
            run.measured.clear()
            run.audit.clear()
            run.messages.clear()
            run.loaded_status = None if run.task is None else run.task.status

    def _lock(self, query: Select[str]) -> list[ExperimentRun]:
        rows = list(_WHOLE.rows(self._connection, query.with_for_update()))
        self._locked.update((row["run_experiment_task_id"], row) for row in rows)
        return [_run(row) for row in rows]

    def _first(self, query: Select[str]) -> ExperimentRun | None:
        return next(iter(self._all(query)), None)

    def _all(self, query: Select[str]) -> list[ExperimentRun]:
        return [_run(row) for row in _WHOLE.rows(self._connection, query)]


def _visible(owner: Owner) -> list[ColumnElement[bool]]:
    return [
        _TASK.c.user_id == owner.user_id,
        _TASK.c.namespace == owner.namespace,
        _TASK.c.is_delete == literal(0),
    ]


def _identity(run: ExperimentRun) -> dict[str, Any]:
    return {
        "experiment_task_id": run.experiment_task_id,
        "experiment_id": run.experiment_id,
        "user_id": None if run.owner is None else run.owner.user_id,
        "namespace": None if run.owner is None else run.owner.namespace,
        "task_id": None if run.task is None else run.task.task_id,
        "plan": None if run.plan is None else RUN_PLAN.dump_json(run.plan).decode(),
    }


def _memory(run: ExperimentRun) -> dict[str, Any]:
    derived: dict[str, Any] = {"settled": int(run.settled), "watched": run.watched_closely}
    # Written for a load on several engines alone: all others cost no more than they did.
    derived["engines"] = len(run.parts) or None
    derived["parts"] = LOAD_PARTS.dump_json(run.parts, exclude_none=True).decode() if run.parts else None
    derived["gate_figures"] = (
        None if run.gate_figures is None else GATE_FIGURES.dump_json(run.gate_figures, exclude_defaults=True).decode()
    )
    derived["generators"] = (
        GENERATORS.dump_json(run.generators, exclude_defaults=True).decode() if run.generators else None
    )
    derived["removed_engines"] = to_json(run.removed_engines) if run.removed_engines else None
    return {name: getattr(run, name) for name in _PLAIN_FIELDS} | derived


def _task_memory(task: LoadTestTask) -> dict[str, Any]:
    return {
        "gmt_modified": task.updated_at,
        "status": task.status,
        "execution_id": task.execution_id,
        "start_time": task.start_time,
        "end_time": task.end_time,
        "error_message": task.error_message,
        "result_path": task.result_path,
        "report_path": task.report_path,
        "log_path": task.log_path,
    }


def _task_change(run: ExperimentRun) -> dict[str, Any]:
    task = run.started_task
    return {"task_id": task.task_id, "status_before": run.loaded_status} | _task_memory(task)


_SAVE_TASK = BulkUpdate(_TASK, "task_id", "uk_task_id", (("status", "status_before"),), "r.is_delete = 0")
_SAVE_RUN = BulkUpdate(_RUN, "experiment_task_id", "uk_run_experiment_task_id")


def _task(row: Mapping[str, Any]) -> LoadTestTask:
    return LoadTestTask(
        task_id=row["task_task_id"],
        strategy_id=row["task_strategy_id"],
        experiment_task_id=row["task_experiment_task_id"],
        user_id=row["task_user_id"],
        namespace=row["task_namespace"],
        created_at=row["task_gmt_create"],
        updated_at=row["task_gmt_modified"],
        status=TaskStatus(row["task_status"]),
        execution_id=row["task_execution_id"],
        start_time=row["task_start_time"],
        end_time=row["task_end_time"],
        error_message=row["task_error_message"],
        result_path=row["task_result_path"],
        report_path=row["task_report_path"],
        log_path=row["task_log_path"],
    )


def _short(values: list[Any]) -> UnsettledRun:
    values[2], values[-1] = TaskStatus(values[2]), _parts(values[-1])
    return UnsettledRun(*values)


def _parts(text: str | None) -> list[LoadPart]:
    return [] if text is None else LOAD_PARTS.validate_json(text)


def _run(row: Mapping[str, Any]) -> ExperimentRun:
    task = None if row["task_task_id"] is None else _task(row)
    if row["run_experiment_task_id"] is None:
        # A task from before there were runs: it is known by its own row alone.
        assert task is not None  # noqa: S101 - an outer join has one side
        return ExperimentRun(
            experiment_task_id=task.experiment_task_id,
            created_at=task.created_at,
            owner=Owner(task.user_id, task.namespace),
            task=task,
            loaded_status=task.status,
        )
    plain = {name: row[f"run_{name}"] for name in _PLAIN_FIELDS}
    plain["outcome"] = None if plain["outcome"] is None else Outcome(plain["outcome"])
    plain["stop_cause"] = None if plain["stop_cause"] is None else StopReason(plain["stop_cause"])
    return ExperimentRun(
        experiment_task_id=row["run_experiment_task_id"],
        created_at=row["run_gmt_create"],
        owner=None if row["run_user_id"] is None else Owner(row["run_user_id"], row["run_namespace"]),
        experiment_id=row["run_experiment_id"],
        plan=None if row["run_plan"] is None else RUN_PLAN.validate_json(row["run_plan"]),
        task=task,
        loaded_status=None if task is None else task.status,
        parts=_parts(row["run_parts"]),
        gate_figures=None if row["run_gate_figures"] is None else GATE_FIGURES.validate_json(row["run_gate_figures"]),
        removed_engines=[] if row["run_removed_engines"] is None else json.loads(row["run_removed_engines"]),
        generators={} if row["run_generators"] is None else GENERATORS.validate_json(row["run_generators"]),
        **plain,
    )
