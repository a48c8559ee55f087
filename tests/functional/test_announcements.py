"""Experiments that are announced and get no load, and events with fields that cannot be read: nothing is silent."""

import importlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tandem import bootstrap
from tandem.domain.announcement import NoLoadCode
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.identity import error_of_id
from tandem.domain.messages import Channel
from tandem.domain.ports import StoredMessage, UnitOfWork
from tandem.domain.task import TaskStatus
from tandem.services.deliver_messages import DeliverMessages
from tandem.triggers.experiment_starting import ExperimentStartingDetail

from tests.factories.api_events import ALICE, Caller
from tests.factories.experiments import OWNER, definition, open_run, strategy
from tests.functional.conftest import Api

MALLORY = Caller("mallory")
LAST_MOMENT = "9999-12-31T23:59:59.999999-14:00"
STARTING = {"experimentId": "exp-1", "experimentTaskId": "et-1", "userId": "alice"}


@pytest.fixture
def api_database_url(database_url: str) -> str:
    return database_url


@dataclass
class Outside:
    """What left the system: executions by name, events for the bus; and the log's lines."""

    executions: dict[str, Mapping[str, object]] = field(default_factory=dict)
    sent: list[StoredMessage] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def start(self, name: str, payload: Mapping[str, object]) -> None:
        self.executions[name] = payload

    def running(self, names: object) -> set[str]:
        return set()

    def send(self, messages: Sequence[StoredMessage]) -> list[str]:
        self.sent += messages
        return [each.message_id for each in messages]

    def windows(self) -> list[Mapping[str, Any]]:
        events = [each.message for each in self.sent if each.message.channel is Channel.EVENT_BUS]
        return [each.body for each in events if each.topic == "FaultWindowOpen"]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == event]


@pytest.fixture
def outside(settings: pytest.MonkeyPatch) -> Outside:
    seen = Outside()
    application = bootstrap.application()
    vars(application)["workflows"] = seen
    vars(application)["deliver"] = DeliverMessages(
        application.database, seen, application.clock, application.settings.limits
    )
    for module in ("note_announcement", "start_experiment", "finish_experiment", "learn_fault_window", "create_task"):
        settings.setattr(f"tandem.services.{module}.warn", lambda event, **facts: _keep(seen, event, facts))
    settings.setattr("tandem.triggers.platform_events.warn", lambda event, **facts: _keep(seen, event, facts))
    return seen


def _keep(seen: Outside, event: str, facts: Mapping[str, Any]) -> None:
    seen.lines.append({"message": str(event), **facts})


@pytest.fixture
def answering(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("TANDEM_ANSWER_WITHOUT_STRATEGY", "true")


def tell(detail_type: str, detail: object) -> None:
    module = {
        "ExperimentStarting": "on_experiment_starting",
        "ExperimentFinished": "on_experiment_finished",
        "FaultStateChanged": "on_fault_state_changed",
    }[detail_type]
    # As Lambda gives it: the event has been through JSON.
    event = json.loads(json.dumps({"id": "e", "detail-type": detail_type, "detail": detail}))
    importlib.import_module(f"functions.events.{module}").handler(event, None)


def keep_strategy(**changes: Any) -> None:
    def add(uow: UnitOfWork) -> None:
        uow.definitions.add(definition())
        uow.strategies.add(strategy(**changes))

    bootstrap.application().database.write(add)


def create_task(outside: Outside, name: str | None = None) -> dict[str, Any]:
    """What the second step of an execution answers."""
    chosen = name or next(iter(outside.executions))
    payload = dict(outside.executions[chosen], workflowArn=f"arn:aws:states:r:1:execution:m:{chosen}")
    answer: dict[str, Any] = importlib.import_module("functions.workflow.create_task").handler(payload, None)
    return answer


def run_of(experiment_task_id: str = "et-1") -> ExperimentRun:
    return bootstrap.application().change_run.read(experiment_task_id)


def test_a_start_without_a_strategy_is_logged_kept_and_shown_to_its_user(outside: Outside, api: Api) -> None:
    tell("ExperimentStarting", STARTING)
    assert outside.executions == {}
    [line] = outside.logged("no_enabled_strategy")
    assert line["experiment_task_id"] == "et-1"
    assert line["reason"] == (
        "no enabled strategy for experiment 'exp-1' of user 'alice' in namespace 'default': no load, no FaultWindowOpen"
    )
    for name, query in (
        ("get_load_test_task_by_experiment_task_id", {"experimentTaskId": "et-1"}),
        ("get_load_test_task", {"taskId": "et-1"}),
        ("get_load_test_task", {"experimentTaskId": "et-1"}),
    ):
        answer = api.get(name, ALICE, **query)
        assert (answer.status, answer.code) == (404, "LOAD_TEST_TASK_NOT_FOUND")
        assert "announced at" in answer.fields["experimentTaskId"]
        assert "no enabled strategy for experiment 'exp-1'" in answer.body["error"]["message"]
    told = api.get("get_load_test_events", ALICE, experimentTaskId="et-1").result
    assert told["executionId"] is None
    [event] = [json.loads(each) for each in told["events"]]
    assert event["type"] == "NO_ENABLED_STRATEGY"
    assert "no enabled strategy" in event["message"]


def test_nobody_else_sees_that_it_was_announced(outside: Outside, api: Api) -> None:
    tell("ExperimentStarting", STARTING)
    for caller, more in ((MALLORY, {}), (ALICE, {"namespace": "other"})):
        answer = api.get("get_load_test_task_by_experiment_task_id", caller, experimentTaskId="et-1", **more)
        assert answer.status == 404
        assert answer.fields == {}
        assert api.get("get_load_test_events", caller, experimentTaskId="et-1", **more).status == 404


@pytest.mark.parametrize(
    "wrong", [{"enable": False}, {"experiment_id": "exp-2"}, {"owner": replace(OWNER, namespace="other")}]
)
def test_a_strategy_that_is_disabled_or_anothers_is_none(outside: Outside, wrong: dict[str, Any]) -> None:
    keep_strategy(**wrong)
    tell("ExperimentStarting", STARTING)
    assert outside.executions == {}
    assert len(outside.logged("no_enabled_strategy")) == 1


def test_the_id_stays_free_and_a_later_start_with_a_strategy_runs(outside: Outside, api: Api) -> None:
    tell("ExperimentStarting", STARTING)
    keep_strategy()
    tell("ExperimentStarting", STARTING)
    tell("ExperimentStarting", STARTING)
    assert len(outside.executions) == 1
    assert create_task(outside)["next"] == "CONTINUE"
    assert api.get("get_load_test_task", ALICE, experimentTaskId="et-1").result["status"] == "PENDING"


def test_an_execution_whose_strategy_went_away_leaves_the_id_free(outside: Outside) -> None:
    keep_strategy()
    tell("ExperimentStarting", STARTING)
    [first] = outside.executions
    application = bootstrap.application()

    def enable(on: bool, after: int) -> None:
        def work(uow: UnitOfWork) -> None:
            there = uow.strategies.lock(OWNER, "lstrategy_1")
            assert there is not None
            uow.strategies.save(replace(there, enable=on, updated_at=there.updated_at + timedelta(seconds=after)))

        application.database.write(work)

    enable(False, 1)
    assert create_task(outside, first)["next"] == "DONE"
    assert len(outside.logged("no_enabled_strategy")) == 1
    enable(True, 1)
    tell("ExperimentStarting", STARTING)
    [second] = outside.executions.keys() - {first}
    assert create_task(outside, second)["next"] == "CONTINUE"
    # A late copy of the first execution does not lead the same run beside it.
    assert create_task(outside, first)["next"] == "DONE"
    # And a repeat of the event finds the execution that leads the run, whatever becomes of the strategy.
    enable(True, 1)
    tell("ExperimentStarting", STARTING)
    assert outside.executions.keys() == {first, second}


def test_with_the_setting_one_window_without_a_load_opens_and_uses_the_id_up(
    answering: None, outside: Outside, api: Api
) -> None:
    for _ in range(3):
        tell("ExperimentStarting", STARTING)
    [window] = outside.windows()
    assert {**window, "at": ""} == {
        "experimentId": "exp-1",
        "experimentTaskId": "et-1",
        "taskId": None,
        "userId": "alice",
        "namespace": "default",
        "at": "",
        "loadProven": False,
        "loadStartedAt": None,
        "reason": "no enabled strategy",
    }
    keep_strategy()
    tell("ExperimentStarting", STARTING)
    assert outside.executions == {}
    assert len(outside.windows()) == 1
    # Another id is another experiment task.
    tell("ExperimentStarting", {**STARTING, "experimentTaskId": "et-2"})
    assert len(outside.executions) == 1


def test_an_answer_keeps_an_execution_under_way_from_a_second_window(answering: None, outside: Outside) -> None:
    keep_strategy()
    tell("ExperimentStarting", STARTING)
    announced = ExperimentStartingDetail.model_validate(STARTING).experiment
    bootstrap.application().note_announcement(announced, NoLoadCode.NO_ENABLED_STRATEGY)
    assert create_task(outside)["next"] == "DONE"
    assert len(outside.windows()) == 1


def test_no_window_without_a_load_opens_once_there_is_a_task(answering: None, outside: Outside) -> None:
    """Two copies of the event: the strategy was made between their looks, and the earlier one writes last."""
    keep_strategy()
    tell("ExperimentStarting", STARTING)
    assert create_task(outside)["next"] == "CONTINUE"
    announced = ExperimentStartingDetail.model_validate(STARTING).experiment
    bootstrap.application().note_announcement(announced, NoLoadCode.NO_ENABLED_STRATEGY)
    assert outside.windows() == []
    assert run_of().finished_at is None


def test_an_entry_is_shown_for_a_day_and_then_deleted(outside: Outside, api: Api) -> None:
    tell("ExperimentStarting", STARTING)
    application = bootstrap.application()
    kept = application.database.read(
        lambda uow: uow.announcements.find(OWNER, "et-1", datetime.now(UTC) - timedelta(days=1))
    )
    assert kept is not None
    old = replace(kept, at=kept.at - timedelta(hours=25))
    application.database.write(lambda uow: uow.announcements.put(old, known=True))
    answer = api.get("get_load_test_task", ALICE, experimentTaskId="et-1")
    assert answer.fields == {}
    tell("ExperimentStarting", {**STARTING, "experimentTaskId": "et-2"})
    before = datetime.now(UTC) - timedelta(days=1)
    assert application.housekeeping.forget_announcements(before, 10) == 1
    assert application.housekeeping.forget_announcements(before, 10) == 0


# --- events that cannot be read -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault_at",
    ["tomorrow", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", [1], True],
)
def test_a_start_with_an_impossible_fault_at_is_refused_with_a_word_and_the_id_stays_free(
    outside: Outside, api: Api, fault_at: object
) -> None:
    keep_strategy()
    tell("ExperimentStarting", {**STARTING, "faultAt": fault_at})
    assert outside.executions == {}
    [line] = outside.logged("event_refused")
    assert line["experiment_task_id"] == "et-1"
    answer = api.get("get_load_test_task_by_experiment_task_id", ALICE, experimentTaskId="et-1")
    assert "faultAt" in answer.fields["experimentTaskId"]
    tell("ExperimentStarting", STARTING)
    assert len(outside.executions) == 1


BAD_IDS = [
    "", " et", "et ", "\tet", "et\n", "e\0t", "e\x1ft", "e\x7ft", "e\ud800", "e" * 65, 7, None, ["et"], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_IDS)
def test_an_id_is_refused_at_events_as_at_the_api(outside: Outside, api: Api, bad: object) -> None:
    keep_strategy()
    tell("ExperimentStarting", {**STARTING, "experimentTaskId": bad})
    assert outside.executions == {}
    [line] = outside.logged("event_refused")
    assert line["detail_type"] == "ExperimentStarting"
    assert "experimentTaskId" in line["faults"][0]
    answer = api.post("get_load_test_task_by_experiment_task_id", ALICE, experimentTaskId=bad)
    assert answer.status in {400, 422}, answer.text


@pytest.mark.parametrize("text", ["et-1", "演练 1", "e\u0301", "👍", "a b", "e" * 64])
def test_an_id_that_events_take_can_be_named_at_the_api(outside: Outside, api: Api, text: str) -> None:
    keep_strategy()
    tell("ExperimentStarting", {**STARTING, "experimentTaskId": text})
    assert create_task(outside)["next"] == "CONTINUE"
    assert api.get("get_load_test_task_by_experiment_task_id", ALICE, experimentTaskId=text).status == 200


def test_a_start_in_an_unreadable_namespace_is_not_started_in_another(outside: Outside, api: Api) -> None:
    keep_strategy()
    tell("ExperimentStarting", {**STARTING, "namespace": "n" * 65})
    assert outside.executions == {}
    assert "namespace" in api.get("get_load_test_task", ALICE, experimentTaskId="et-1").fields["experimentTaskId"]
    tell("ExperimentStarting", {**STARTING, "namespace": None})
    assert len(outside.executions) == 1


def running(stop_on_completion: bool = True) -> None:
    """A run whose window opened just now, its load RUNNING."""
    made = open_run(stop_on_completion=stop_on_completion)
    made.messages.clear()
    bootstrap.application().database.write(lambda uow: uow.runs.add(made))


def stopped(run: ExperimentRun) -> bool:
    return run.stop_requested_at is not None or run.started_task.status is not TaskStatus.RUNNING


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"reason": "at com.example.Chaos.inject(Chaos.java:42)\n" * 80}, "reason"),
        ({"reason": ["a", {"b": None}]}, None),
        ({"reason": "\0\ud800"}, None),
        ({"userId": ""}, "userId"),
        ({"userId": "u" * 65}, "userId"),
        ({"namespace": ""}, "namespace"),
        ({"namespace": 7}, "namespace"),
        ({"outcome": "failed"}, "outcome"),
        ({"outcome": "ABORTED"}, "outcome"),
        ({"outcome": None}, "outcome"),
        ({"outcome": {"state": "FAILED"}}, "outcome"),
        (
            {"faultStartedAt": "0001-01-01T00:00:00+14:00", "faultEndedAt": "9999-12-31T23:59:59.999999-14:00"},
            "faultStartedAt",
        ),
        ({"faultStartedAt": "yesterday"}, "faultStartedAt"),
    ],
)
def test_an_end_stops_the_load_whatever_its_side_fields_hold(
    outside: Outside, odd: dict[str, Any], named: str | None
) -> None:
    running()
    tell("ExperimentFinished", {"experimentTaskId": "et-1", "outcome": "FAILED", **odd})
    run = run_of()
    assert stopped(run)
    assert run.finished_at is not None
    said = outside.logged("event_field_ignored") + outside.logged("fault_window_refused")
    assert all(line["experiment_task_id"] == "et-1" for line in said)
    # A reason that is only rewritten needs no line; whatever is lost has one.
    assert bool(said) == (named is not None)
    assert named is None or named in json.dumps(said)


WORDS = ["alice", "default", "SUCCEEDED", "FAILED", "\ud800", "\0", LAST_MOMENT, "0001-01-01T00:00:00+14:00"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["alice", "SUCCEEDED", "FAILED"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NUMBERS = itertools.count()
FIELDS = st.sampled_from(["outcome", "reason", "userId", "namespace", "faultStartedAt", "faultEndedAt", "x"])


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(detail=st.dictionaries(FIELDS, JSON, max_size=7))
def test_any_end_of_a_running_load_stops_it_unless_it_names_another_owner(
    outside: Outside, detail: dict[str, Any]
) -> None:
    for name, own in (("userId", "alice"), ("namespace", "default")):
        if error_of_id(detail.get(name)) is None:
            detail[name] = own
    number = next(NUMBERS)
    made = open_run(task_id=f"ldtask_{number}", experiment_task_id=f"et-{number}", stop_on_completion=True)
    made.messages.clear()
    bootstrap.application().database.write(lambda uow: uow.runs.add(made))
    tell("ExperimentFinished", {**detail, "experimentTaskId": made.experiment_task_id})
    assert stopped(run_of(made.experiment_task_id))


def test_an_end_that_claims_anothers_experiment_is_refused_with_a_word(outside: Outside) -> None:
    running()
    tell("ExperimentFinished", {"experimentTaskId": "et-1", "outcome": "FAILED", "userId": "mallory"})
    assert not stopped(run_of())
    [line] = outside.logged("experiment_refused")
    assert line["experiment_task_id"] == "et-1"


@pytest.mark.parametrize("detail", [None, [], "text", {}, {"experimentTaskId": "\0"}])
def test_an_end_without_a_readable_id_is_refused_with_a_word(outside: Outside, detail: object) -> None:
    tell("ExperimentFinished", detail)
    [line] = outside.logged("event_refused")
    assert line["detail_type"] == "ExperimentFinished"


def test_a_fault_state_keeps_the_moment_that_can_be_read(outside: Outside) -> None:
    running()
    now = datetime.now(UTC)
    began = now.isoformat()
    tell(
        "FaultStateChanged", {"experimentTaskId": "et-1", "faultStartedAt": began, "faultEndedAt": "soon", "userId": ""}
    )
    assert run_of().fault_started_at is not None
    assert run_of().fault_ended_at is None
    assert {line["field"] for line in outside.logged("event_field_ignored")} == {"faultEndedAt", "userId"}
    tell("FaultStateChanged", {"experimentTaskId": "et-1", "faultStartedAt": "soon"})
    [line] = outside.logged("event_refused")
    assert line["experiment_task_id"] == "et-1"


# --- ends in somebody else's name -----------------------------------------------------------------------------------


def test_an_early_end_in_another_users_name_does_not_keep_the_load_from_starting(outside: Outside) -> None:
    keep_strategy()
    tell("ExperimentFinished", {"experimentTaskId": "et-1", "outcome": "FAILED", "userId": "mallory"})
    tell("ExperimentStarting", STARTING)
    assert create_task(outside)["next"] == "CONTINUE"
    assert run_of().finished_at is None
    [line] = outside.logged("experiment_refused")
    assert "another user" in line["reason"]


@pytest.mark.parametrize("named", [{"userId": "alice"}, {}])
def test_an_early_end_of_the_user_or_of_nobody_starts_no_load_and_says_so(
    outside: Outside, api: Api, named: dict[str, str]
) -> None:
    keep_strategy()
    tell("ExperimentFinished", {"experimentTaskId": "et-1", "outcome": "STOPPED", **named})
    tell("ExperimentStarting", STARTING)
    assert create_task(outside)["next"] == "DONE"
    [line] = outside.logged("experiment_refused")
    assert "ended before it was seen to start" in line["reason"]
    answer = api.get("get_load_test_task", ALICE, experimentTaskId="et-1")
    assert "ended before" in answer.fields["experimentTaskId"]


def test_an_early_end_counts_although_another_user_claimed_the_id_before(outside: Outside) -> None:
    keep_strategy()
    for user in ("mallory", "alice"):
        tell("ExperimentFinished", {"experimentTaskId": "et-1", "outcome": "STOPPED", "userId": user})
    tell("ExperimentStarting", STARTING)
    assert create_task(outside)["next"] == "DONE"


def test_a_start_under_anothers_running_id_is_said_to_be_taken(answering: None, outside: Outside, api: Api) -> None:
    running()
    tell("ExperimentStarting", {**STARTING, "userId": "mallory"})
    assert outside.executions == {}
    assert outside.windows() == []
    answer = api.get("get_load_test_task", MALLORY, experimentTaskId="et-1")
    assert "belongs to another run" in answer.fields["experimentTaskId"]
    assert len(outside.logged("experiment_refused")) == 1
