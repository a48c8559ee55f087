"""GET /GetLoadTestStatistics, on both kinds of database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tandem.bootstrap import application
from tandem.domain.engine_state import StopReason
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import Owner
from tandem.domain.task import TaskStatus

from tests.factories.kept_tasks import end, pending_task, save
from tests.factories.statements import counted_statements
from tests.functional.conftest import Api

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALICE = Owner("alice", "default")


@pytest.fixture
def api_database_url(api_database_url_of_each_kind: str) -> str:
    return api_database_url_of_each_kind


def ended(name: str, status: TaskStatus, seconds: int, day: int = 0, owner: Owner = ALICE, ran: bool = True) -> None:
    run = pending_task(name, owner, DAY + timedelta(days=day))
    if ran:
        task = run.started_task
        task.execution_id, task.start_time, task.status = f"x{name}", run.created_at, TaskStatus.RUNNING
        run.load_accepted_at = run.created_at
        save(run)
    end(run, status, seconds)


@pytest.fixture
def some_tasks(api: Api) -> None:
    ended("1", TaskStatus.SUCCEEDED, 10)
    ended("2", TaskStatus.SUCCEEDED, 20)
    ended("3", TaskStatus.FAILED, 30, day=1)
    ended("4", TaskStatus.TIMEOUT, 100, day=1)
    ended("5", TaskStatus.FAILED, 1, day=2, ran=False)
    pending_task("6", created_at=DAY + timedelta(days=2))
    ended("7", TaskStatus.SUCCEEDED, 10, owner=Owner("bob", "default"))
    ended("8", TaskStatus.SUCCEEDED, 10, owner=Owner("alice", "other"))


@pytest.mark.usefixtures("some_tasks")
def test_the_statistics_count_ones_own_tasks(api: Api) -> None:
    result = api.get("get_load_test_statistics").result

    assert result == {
        "total": 6,
        "byStatus": {"PENDING": 1, "RUNNING": 0, "SUCCEEDED": 2, "FAILED": 2, "STOPPED": 0, "TIMEOUT": 1},
        "byVerdict": {"PASS": 0, "DEGRADED": 0, "FAIL": 0, "INCONCLUSIVE": 0, "none": 6},
        "successRate": 0.4,
        "meanDurationSec": 40,
        "p95DurationSec": 100,
        "startsRefused": 1,
        "timeouts": 1,
        "byDay": [
            {"day": "2026-03-01", "total": 2, "byStatus": by_status(SUCCEEDED=2)},
            {"day": "2026-03-02", "total": 2, "byStatus": by_status(FAILED=1, TIMEOUT=1)},
            {"day": "2026-03-03", "total": 2, "byStatus": by_status(FAILED=1, PENDING=1)},
        ],
    }


def stopped(name: str, cause: StopReason, *, ran: bool = True) -> ExperimentRun:
    """A task that was STOPPED for that reason."""
    run = pending_task(name, ALICE, DAY)
    task = run.started_task
    if ran:
        task.execution_id, task.start_time, task.status = f"x{name}", run.created_at, TaskStatus.RUNNING
        run.load_accepted_at = run.created_at
        save(run)
    now = run.created_at + timedelta(seconds=30)
    run.request_stop(cause, "over", now)
    run.end_task(TaskStatus.STOPPED, "over", now)
    run.confirm_stop(now)
    save(run)
    return run


def test_a_load_that_was_stopped_as_planned_is_a_success(api: Api) -> None:
    ended("1", TaskStatus.FAILED, 10)
    planned = stopped("2", StopReason.STOP_ON_COMPLETION)
    by_hand = stopped("3", StopReason.USER)
    never_ran = stopped("4", StopReason.STOP_ON_COMPLETION, ran=False)
    result = api.get("get_load_test_statistics").result
    assert result["byStatus"] == by_status(FAILED=1, STOPPED=3)
    assert result["successRate"] == 0.25
    shown = {each["taskId"]: each["endedAsPlanned"] for each in api.post("query_load_test_tasks").result["data"]}
    assert shown == {
        planned.started_task.task_id: True,
        by_hand.started_task.task_id: False,
        never_ran.started_task.task_id: False,
        "ldtask_1": False,
    }


def test_verdicts_are_counted_and_tasks_are_found_by_them(api: Api) -> None:
    for name, verdict in (("1", "PASS"), ("2", "FAIL"), ("3", "FAIL"), ("4", None)):
        run = stopped(name, StopReason.STOP_ON_COMPLETION)
        run.announce_report(verdict, DAY, DAY)
        save(run)
    ended("5", TaskStatus.FAILED, 1, owner=Owner("bob", "default"))
    result = api.get("get_load_test_statistics").result
    assert result["byVerdict"] == {"PASS": 1, "DEGRADED": 0, "FAIL": 2, "INCONCLUSIVE": 0, "none": 1}
    page = api.post("query_load_test_tasks", verdict="FAIL", pageSize=1).result
    assert (page["total"], [each["verdict"] for each in page["data"]]) == (2, ["FAIL"])
    assert api.get("get_load_test_task", taskId="ldtask_4").result["verdict"] is None
    refused = api.post("query_load_test_tasks", verdict="GOOD")
    assert (refused.status, list(refused.fields)) == (422, ["verdict"])


def by_status(**counts: int) -> dict[str, int]:
    return {status.value: counts.get(status.value, 0) for status in TaskStatus}


@pytest.mark.usefixtures("some_tasks")
@pytest.mark.parametrize(
    ("period", "total"),
    [
        ("from=2026-03-02", 4),
        ("to=2026-03-02T12:00:00Z", 2),
        ("from=2026-03-02T12:00:00%2B00:00&to=2026-03-03T12:00:00+00:00", 2),
        ("from=2026-03-02T20:00:00%2B08:00&to=2026-03-02T20:00:01%2B08:00", 2),
        ("from=2030-01-01", 0),
        ("from=&to=", 6),
    ],
)
def test_a_period_bounds_by_creation_half_open(api: Api, period: str, total: int) -> None:
    assert api.raw("get_load_test_statistics", "GET", query=period).result["total"] == total


def test_nothing_to_count_gives_nulls(api: Api) -> None:
    result = api.get("get_load_test_statistics").result

    assert (result["total"], result["byDay"]) == (0, [])
    assert [result[name] for name in ("successRate", "meanDurationSec", "p95DurationSec")] == [None, None, None]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, ["from"]),
        ({"from": "yesterday", "to": "12"}, ["to", "from"]),
        ({"from": "0001-01-01T00:00:00+14:00"}, ["from"]),
        ({"to": "2026-02-30"}, ["to"]),
    ],
)
def test_a_period_that_is_none_is_refused(api: Api, query: dict[str, Any], fields: list[str]) -> None:
    answer = api.get("get_load_test_statistics", **query)

    assert answer.status == 422
    assert list(answer.fields) == fields


@pytest.mark.usefixtures("some_tasks")
def test_counting_takes_three_statements_however_many_tasks(api: Api) -> None:
    with counted_statements(application().database._engine) as statements:
        api.get("get_load_test_statistics")

    assert len(statements) == 3, statements
