"""The bridge to a ChaosBlade-Box: a fake box over real HTTP, a real database, and the events that come of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tandem.adapters.chaosblade_box import client as box_client
from tandem.adapters.chaosblade_box.client import HttpChaosBladeBox, Login
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.chaosblade_box import BoxRefused, BoxState, BoxUnavailable, EventsNotSent, PlatformEvent
from tandem.domain.errors import InvalidValue
from tandem.domain.experiment_run import Outcome
from tandem.services.poll_chaosblade_box import BUDGET_SECONDS, PollChaosBladeBox, PollReport
from tandem.services.stop_box_experiment import BoxStopNotConfirmed, StopBoxExperiment

from tests.factories.experiments import NOON, definition, run, seconds_after_noon, strategy
from tests.factories.statements import counted_statements
from tests.fakes.chaosblade_box import Answer, FakeBox, FakeTask


class Bus:
    def __init__(self) -> None:
        self.events: list[PlatformEvent] = []
        self.broken = False

    def put(self, events: Sequence[PlatformEvent]) -> None:
        if self.broken:
            raise EventsNotSent("the event bus took no events")
        self.events += events


class Clock:
    def __init__(self, step: float = 0) -> None:
        self.at, self.step = NOON, timedelta(seconds=step)

    def now(self) -> datetime:
        self.at += self.step
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def box() -> Iterator[FakeBox]:
    with FakeBox() as fake:
        yield fake


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def known(database: SqlDatabase) -> SqlDatabase:
    """A database with enabled strategies for exp-1 and exp-2, and others that the box must not be asked about."""

    def add(uow: object) -> None:
        uow.definitions.add(definition())  # type: ignore[attr-defined]
        for number, experiment, enable in (
            (1, "exp-1", True), (2, "exp-2", True), (3, "exp-3", False), (4, "fis:EXT123", True),
        ):  # fmt: skip
            made = strategy(strategy_id=f"lstrategy_{number}", experiment_id=experiment, enable=enable)
            uow.strategies.add(made)  # type: ignore[attr-defined]

    database.write(add)
    return database


def client(box: FakeBox, password: str | None = None) -> HttpChaosBladeBox:
    return HttpChaosBladeBox(box.url, None if password is None else lambda: Login("tandem", password))


def poll(database: SqlDatabase, box: FakeBox, bus: Bus, clock: Clock | None = None) -> PollReport:
    return PollChaosBladeBox(database, client(box), bus, clock or Clock())()


def test_a_task_that_runs_is_announced_until_there_is_a_run_for_it(known: SqlDatabase, box: FakeBox, bus: Bus) -> None:
    box.begin(FakeTask("et-1", "exp-1"))
    box.begin(FakeTask("et-old", "exp-2", state="FINISHED", result="SUCCESS"))
    assert poll(known, box, bus) == PollReport(asked=2, starting=1, finished=0, refused=0, complete=True)
    [event] = bus.events
    assert event.name == "ExperimentStarting"
    assert event.detail == {
        "experimentId": "exp-1", "experimentTaskId": "et-1", "userId": "alice", "namespace": "default",
    }  # fmt: skip
    known.write(lambda uow: uow.runs.add(run()))
    assert poll(known, box, bus).starting == 0
    assert box.calls.count("ExperimentTaskSummaryPageableQuery") == 4


def test_a_task_that_ended_ends_its_run_with_what_is_known_of_the_fault(
    known: SqlDatabase, box: FakeBox, bus: Bus
) -> None:
    known.write(lambda uow: uow.runs.add(run()))
    task = box.begin(FakeTask("et-1", "exp-1"))
    begin = int(NOON.timestamp() * 1000)
    task.activities = [
        {"phase": "PREPARE", "startTime": begin, "endTime": begin + 1_000},
        {"phase": "ATTACK", "startTime": begin + 2_000, "endTime": begin + 3_000},
        {"phase": "RECOVER", "startTime": begin + 60_000, "endTime": begin + 61_500},
    ]
    task.finish("STOPPED", "stopped by hand")
    assert poll(known, box, bus).finished == 1
    [event] = bus.events
    assert event.name == "ExperimentFinished"
    assert event.detail == {
        "experimentTaskId": "et-1",
        "outcome": Outcome.STOPPED,
        "reason": "stopped by hand",
        "userId": "alice",
        "namespace": "default",
        "faultStartedAt": "2026-01-02T12:00:02.000+00:00",
        "faultEndedAt": "2026-01-02T12:01:01.500+00:00",
    }


def test_a_run_whose_strategy_is_gone_meanwhile_is_ended_all_the_same(
    known: SqlDatabase, box: FakeBox, bus: Bus
) -> None:
    known.write(lambda uow: uow.runs.add(run()))
    known.write(lambda uow: uow.strategies.delete("lstrategy_1", NOON))
    box.begin(FakeTask("et-1", "exp-1")).finish("SUCCESS")
    assert poll(known, box, bus).finished == 1
    assert bus.events[0].detail["outcome"] == Outcome.SUCCEEDED


def test_what_was_told_is_not_told_again_once_it_is_known(known: SqlDatabase, box: FakeBox, bus: Bus) -> None:
    ended = run()
    ended.finish(Outcome.STOPPED, None, seconds_after_noon(5))
    known.write(lambda uow: uow.runs.add(ended))
    box.begin(FakeTask("et-1", "exp-1")).finish("STOPPED")
    assert poll(known, box, bus) == PollReport(asked=2, starting=0, finished=0, refused=0, complete=True)


def test_events_that_the_bus_does_not_take_come_with_the_next_poll(known: SqlDatabase, box: FakeBox, bus: Bus) -> None:
    box.begin(FakeTask("et-1", "exp-1"))
    bus.broken = True
    with pytest.raises(EventsNotSent):
        poll(known, box, bus)
    bus.broken = False
    assert poll(known, box, bus).starting == 1


def test_too_little_time_is_reported_and_another_minute_begins_elsewhere(
    known: SqlDatabase, box: FakeBox, bus: Bus
) -> None:
    slow = Clock(step=BUDGET_SECONDS / 2.5)
    assert poll(known, box, bus, slow).complete is False
    box.begin(FakeTask("et-1", "exp-1"))
    box.begin(FakeTask("et-2", "exp-2"))
    for minute in (10, 11):
        slow.at = NOON + timedelta(minutes=minute)
        poll(known, box, bus, slow)
    assert {event.detail["experimentTaskId"] for event in bus.events} == {"et-1", "et-2"}


def test_a_poll_costs_the_same_few_statements_however_many_tasks_there_are(
    known: SqlDatabase, box: FakeBox, bus: Bus
) -> None:
    def statements() -> int:
        with counted_statements(known._engine) as counted:
            poll(known, box, bus)
        return len(counted)

    few = statements()
    for number in range(8):
        box.begin(FakeTask(f"et-{number}", "exp-1"))
    assert statements() - few <= 1
    assert few <= 6


def test_an_experiment_that_the_box_cannot_list_does_not_keep_the_others_back(
    known: SqlDatabase, box: FakeBox, bus: Bus
) -> None:
    box.broken_experiments.add("exp-1")
    box.begin(FakeTask("et-2", "exp-2"))
    assert poll(known, box, bus) == PollReport(asked=1, starting=1, finished=0, refused=1, complete=True)


def test_a_run_of_another_platform_does_not_keep_the_boxs_own_back(known: SqlDatabase, box: FakeBox, bus: Bus) -> None:
    known.write(lambda uow: uow.runs.add(run(experiment_task_id="of-another-platform")))
    box.begin(FakeTask("et-2", "exp-2"))
    assert poll(known, box, bus) == PollReport(asked=2, starting=1, finished=0, refused=1, complete=True)


def test_a_box_of_which_no_experiment_can_be_asked_is_an_outage_after_a_few_requests(
    known: SqlDatabase, box: FakeBox, bus: Bus
) -> None:
    box.answer_with = b"<html>"
    with pytest.raises(BoxUnavailable):
        poll(known, box, bus)
    assert len(box.calls) <= 3


def test_a_task_that_only_its_list_shows_is_ended_by_the_words_of_the_list(
    known: SqlDatabase, box: FakeBox, bus: Bus
) -> None:
    known.write(lambda uow: uow.runs.add(run()))
    box.begin(FakeTask("et-1", "exp-1", of_another_user=True)).finish("FAILED", "no such pod")
    box.begin(FakeTask("et-2", "exp-2"))
    assert poll(known, box, bus) == PollReport(asked=2, starting=1, finished=1, refused=1, complete=True)
    assert bus.events[1].detail["outcome"] == Outcome.FAILED
    assert bus.events[1].detail["reason"] == "no such pod"


def test_a_task_that_a_user_stops_is_a_stop_at_once_and_its_fault_is_reported_when_it_has_ended(
    known: SqlDatabase, box: FakeBox, bus: Bus
) -> None:
    stopped = run()
    known.write(lambda uow: uow.runs.add(stopped))
    task = box.begin(FakeTask("et-1", "exp-1", state="STOPPING"))
    begin = int(NOON.timestamp() * 1000)
    task.activities = [
        _activity("ATTACK", begin + 2_000, begin + 3_000),
        _activity("ATTACK", begin, None, state="READY", result=None),
        _activity("RECOVER", begin + 60_000, None, state="RUNNING", result=None),
    ]
    assert poll(known, box, bus).finished == 1
    assert bus.events[0].name == "ExperimentFinished"
    assert bus.events[0].detail["outcome"] == Outcome.STOPPED
    stopped.finish(Outcome.STOPPED, None, NOON)
    known.write(lambda uow: uow.runs.save([stopped]))
    assert poll(known, box, bus).finished == 0
    task.activities[2] = _activity("RECOVER", begin + 60_000, begin + 61_500)
    task.end_after_stop()
    bus.events.clear()
    poll(known, box, bus)
    [event] = bus.events
    assert event.name == "FaultStateChanged"
    assert event.detail["faultStartedAt"] == "2026-01-02T12:00:02.000+00:00"
    assert event.detail["faultEndedAt"] == "2026-01-02T12:01:01.500+00:00"


def test_a_success_of_which_something_was_left_out_is_a_stop(known: SqlDatabase, box: FakeBox, bus: Bus) -> None:
    known.write(lambda uow: uow.runs.add(run()))
    task = box.begin(FakeTask("et-1", "exp-1"))
    begin = int(NOON.timestamp() * 1000)
    task.activities = [
        _activity("ATTACK", begin + 30_000, begin + 31_000),
        # What never ran: created with the task, and rejected at its end.
        _activity("ATTACK", begin, begin + 40_000, result="REJECTED"),
        _activity("RECOVER", begin, begin + 90_000, result="REJECTED"),
    ]
    task.finish("SUCCESS")
    poll(known, box, bus)
    assert bus.events[0].detail["outcome"] == Outcome.STOPPED
    assert bus.events[0].detail["faultStartedAt"] == "2026-01-02T12:00:30.000+00:00"
    assert bus.events[0].detail["faultEndedAt"] == "2026-01-02T12:00:31.000+00:00"


def _activity(
    phase: str, start: int, end: int | None, state: str = "FINISHED", result: str | None = "SUCCESS"
) -> dict[str, object]:
    return {"phase": phase, "startTime": start, "endTime": end, "state": state, "runResult": result}


# --- stopping ---------------------------------------------------------------------------------------------------


def test_an_abort_stops_the_experiment_at_the_box_once(box: FakeBox) -> None:
    task = box.begin(FakeTask("et-1", "exp-1"))
    stop = StopBoxExperiment(client(box))
    for _ in range(2):
        stop("et-1")
    task.finish("STOPPED")
    stop("et-1")
    assert box.calls.count("StopExperimentTask") == 1


def test_a_box_that_does_not_stop_is_asked_again(box: FakeBox) -> None:
    task = box.begin(FakeTask("et-1", "exp-1", ignores_stop=True))
    with pytest.raises(BoxStopNotConfirmed):
        StopBoxExperiment(client(box))("et-1")
    task.ignores_stop = False
    StopBoxExperiment(client(box))("et-1")
    assert task.state == BoxState.STOPPING


@pytest.mark.parametrize("experiment_id", ["exp-of-another-platform", None])
def test_an_experiment_task_that_the_box_does_not_know_is_left_alone(box: FakeBox, experiment_id: str | None) -> None:
    StopBoxExperiment(client(box))("of-another-platform", experiment_id)
    assert "StopExperimentTask" not in box.calls


def test_a_task_that_the_box_runs_and_does_not_let_us_stop_is_an_error(box: FakeBox) -> None:
    box.begin(FakeTask("et-1", "exp-1", of_another_user=True))
    with pytest.raises(BoxRefused):
        StopBoxExperiment(client(box))("et-1", "exp-1")


def test_an_experiment_of_fis_is_none_of_the_boxs(box: FakeBox) -> None:
    StopBoxExperiment(client(box))("fisrun_1", "fis:EXT123")
    assert box.calls == []


def test_a_task_that_ends_between_the_look_and_the_stop_needs_none(
    box: FakeBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = box.begin(FakeTask("et-1", "exp-1"))
    plain = box.answer

    def answer(action: str, body: dict[str, object], session: str) -> Answer:
        if action == "StopExperimentTask":
            task.finish("SUCCESS")
        return plain(action, body, session)

    monkeypatch.setattr(box, "answer", answer)
    StopBoxExperiment(client(box))("et-1", "exp-1")
    assert task.state == "FINISHED"


# --- the client -------------------------------------------------------------------------------------------------


def test_a_login_is_made_once_and_again_when_its_session_has_ended() -> None:
    with FakeBox(password="encrypted=") as box:
        box.begin(FakeTask("et-1", "exp-1"))
        session = client(box, password="encrypted=")
        assert [each.task_id for each in session.latest_tasks("exp-1")] == ["et-1"]
        assert session.task("et-1").is_under_way
        assert box.calls.count("UserLogin") == 1
        box.forget_sessions()
        assert session.task("et-1").is_under_way
        assert box.calls.count("UserLogin") == 2


def test_an_abort_after_half_an_hour_without_a_call_that_needs_a_session_stops_the_fault() -> None:
    now = [0.0]
    with FakeBox(password="encrypted=", clock=lambda: now[0]) as box:
        task = box.begin(FakeTask("et-1", "exp-1"))
        session = client(box, password="encrypted=")
        session.task("et-1")
        for _ in range(31):
            now[0] += 60
            session.latest_tasks("exp-1")
        StopBoxExperiment(session)("et-1", "exp-1")
    assert task.state == BoxState.STOPPING


def test_a_refusal_in_an_old_session_is_asked_again_in_a_new_one_and_in_a_young_one_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FakeBox(password="encrypted=") as box:
        session = client(box, password="encrypted=")
        for _ in range(2):
            with pytest.raises(BoxRefused, match="PermissionDeniedException"):
                session.task("unknown")
        assert box.calls.count("UserLogin") == 1
        monkeypatch.setattr(box_client, "SESSION_SECONDS", 0.0)
        with pytest.raises(BoxRefused):
            session.task("unknown")
        assert box.calls.count("UserLogin") == 2


def test_a_login_that_the_box_does_not_take_is_an_outage_without_the_password() -> None:
    with FakeBox(password="right") as box, pytest.raises(BoxUnavailable, match="does not take our login") as caught:
        client(box, password="wr0ng").latest_tasks("exp-1")
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"", b"[]", b"{}", b'{"success": 1}', b'{"success": true, "result": {"content": [{"taskId": 5}]}}',
     b'{"success": true, "result": "' + b"x" * box_client.MOST_BYTES + b'"}'],
    ids=["html", "empty", "list", "object", "success is no bool", "a task without ids", "too large"],
)  # fmt: skip
def test_what_is_no_answer_of_a_box_is_an_outage(box: FakeBox, content: bytes) -> None:
    box.answer_with = content
    with pytest.raises(BoxUnavailable):
        client(box).latest_tasks("exp-1")


def test_a_box_that_cannot_be_reached_is_an_outage() -> None:
    with FakeBox() as gone:
        url = gone.url
    with pytest.raises(BoxUnavailable):
        HttpChaosBladeBox(url, None).task("et-1")


def test_unknown_words_and_dates_of_another_form_do_no_harm(box: FakeBox) -> None:
    task = box.begin(FakeTask("et-1", "exp-1", state="HIBERNATING"))
    task.activities = [{"phase": "ATTACK", "startTime": "2026-01-02 12:00:02", "endTime": 5}, {"phase": None}]
    found = client(box).task("et-1")
    assert found.state is BoxState.UNKNOWN
    assert not found.is_under_way
    assert not found.has_ended
    assert found.fault.started_at is None
    assert datetime.fromtimestamp(0.005, UTC).year == 1970


@pytest.mark.parametrize("url", ["", "box:7001", "ftp://box", "http://user:pw@box", "http://box/?a=b"])
def test_a_url_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue):
        HttpChaosBladeBox(url, None)
