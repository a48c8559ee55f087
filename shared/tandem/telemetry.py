"""Structured logs: one name for each point of a load test's life, never anything secret."""

from enum import StrEnum
from typing import Any

from aws_lambda_powertools import Logger

logger = Logger(service="tandem", log_uncaught_exceptions=False)


class LogEvent(StrEnum):
    """The points of the life of a load test, and of the system that runs it."""

    EXPERIMENT_REFUSED = "experiment_refused"
    EXPERIMENT_ANSWERED = "experiment_answered"
    NO_ENABLED_STRATEGY = "no_enabled_strategy"
    EXPERIMENT_FINISHED = "experiment_finished"
    FAULT_WINDOW_LEARNED = "fault_window_learned"
    FAULT_WINDOW_REFUSED = "fault_window_refused"
    EXPERIMENT_RUN = "experiment_run"
    TASK_CREATED = "task_created"
    LOAD_STARTED = "load_started"
    LOAD_ADOPTED = "load_adopted"
    PLAN_REFUSED = "plan_refused"
    DEFINITION_JUDGED = "definition_judged"
    LOAD_NOT_STARTED = "load_not_started"
    LOAD_PROVEN = "load_proven"
    PLAN_UNREADABLE = "plan_unreadable"
    GATE_FAILED = "gate_failed"
    FAULT_WINDOW_OPENED = "fault_window_opened"
    INJECTION_STARTED = "injection_started"
    INJECTION_FOLLOWED = "injection_followed"
    INJECTION_STOPPED = "injection_stopped"
    FIS_TROUBLE = "fis_trouble"
    ABORT_REQUESTED = "abort_requested"
    STOP_REQUESTED = "stop_requested"
    STOP_CONFIRMED = "stop_confirmed"
    STOP_NOT_CONFIRMED = "stop_not_confirmed"
    TASK_ENDED = "task_ended"
    WORKFLOW_LOST = "workflow_lost"
    ORPHAN_FOUND = "orphan_found"
    SWEEP_DONE = "sweep_done"
    SWEEP_SKIPPED = "sweep_skipped"
    MESSAGES_NOT_DELIVERED = "messages_not_delivered"
    REQUEST_REFUSED = "request_refused"
    REQUEST_FAILED = "request_failed"
    EVENT_REFUSED = "event_refused"
    EVENT_FIELD_IGNORED = "event_field_ignored"
    EVENT_REPEATED = "event_repeated"
    ENGINE_TROUBLE = "engine_trouble"
    RUN_ARCHIVED = "run_archived"
    RUN_NOT_ARCHIVED = "run_not_archived"
    DASHBOARD_NOT_ARCHIVED = "dashboard_not_archived"
    ARCHIVE_UNAVAILABLE = "archive_unavailable"
    ARCHIVE_NOT_UNDERSTOOD = "archive_not_understood"
    ARCHIVE_LEFTOVER = "archive_leftover"
    ENGINE_POOL_NOT_READ = "engine_pool_not_read"
    LOAD_PLACED = "load_placed"
    ENGINE_CHANGED = "engine_changed"
    ENGINE_GIVEN_UP = "engine_given_up"
    SWEEP_SPLIT = "sweep_split"
    BOX_POLLED = "box_polled"
    BOX_REFUSED = "box_refused"
    BOX_STOPPED = "box_stopped"
    CLEANED_UP = "cleaned_up"
    SCHEMA_MIGRATED = "schema_migrated"
    DEPLOYMENT_STEP_FAILED = "deployment_step_failed"


def log(event: LogEvent, **facts: Any) -> None:
    """Write one line at INFO. ``facts`` are plain values; a None is left out."""
    logger.info(event, extra={name: value for name, value in facts.items() if value is not None})


def warn(event: LogEvent, **facts: Any) -> None:
    """As ``log``, at WARNING: an operator may have to look."""
    logger.warning(event, extra={name: value for name, value in facts.items() if value is not None})
