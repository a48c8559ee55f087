"""Events of FIS, stops of faults, and the sweep's look at FIS: the handlers on a database, over a FIS that we steer."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tandem import bootstrap
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.injection import Injection, InjectionState, InjectionsUnavailable
from tandem.domain.ports import UnitOfWork

from tests.factories.experiments import definition, open_run, strategy


@dataclass
class SteeredFis:
    """The Injections port over a dictionary."""

    known: dict[str, Injection] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def _answer(self, what: str) -> None:
        self.asked.append(what)
        if self.down:
            raise InjectionsUnavailable("FIS gave no usable answer: throttled")

    def get(self, injection_id: str) -> Injection | None:
        self._answer(injection_id)
        return self.known.get(injection_id)

    def find(self, template_id: str, task_id: str) -> Injection | None:
        self._answer(task_id)
        found = (each for each in self.known.values() if (each.template_id, each.task_id) == (template_id, task_id))
        return next(found, None)

    def stop(self, injection_id: str) -> None:
        self._answer(injection_id)
        self.stopped.append(injection_id)


@pytest.fixture
def fis(settings: pytest.MonkeyPatch) -> SteeredFis:
    steered = SteeredFis()
    vars(bootstrap.application())["injections"] = steered
    return steered


def handle(module: str, event: Mapping[str, Any]) -> Any:
    return importlib.import_module(f"functions.{module}").handler(event, None)


def told(status: str, experiment: str = "EXP1", template: str = "EXT1") -> None:
    """FIS tells of an experiment."""
    detail = {
        "experiment-id": experiment,
        "experiment-template-id": template,
        "new-state": {"status": status, "reason": "as told"},
    }
    handle("events.on_fis_state_change", {"id": "e", "detail": detail})


def kept(number: int = 1, injection_id: str | None = "EXP1", opened: float = 120.0, **changes: Any) -> str:
    """A run of template EXT1 whose window opened so many seconds ago; gives its id."""
    made = open_run(task_id=f"ldtask_{number}", experiment_task_id=f"et-{number}")
    shift = datetime.now(UTC) - timedelta(seconds=opened) - (made.window_opened_at or made.created_at)
    for name in ("created_at", "window_opened_at", "deadline", "load_accepted_at", "load_started_at"):
        setattr(made, name, getattr(made, name) + shift)
    made.experiment_id, made.injection_id, made.workflow_arn = "fis:EXT1", injection_id, None
    for name, value in changes.items():
        setattr(made, name, value)
    made.messages.clear()

    def add(uow: UnitOfWork) -> None:
        if number == 1:
            uow.definitions.add(definition())
            uow.strategies.add(strategy(experiment_id="fis:EXT1"))
        uow.runs.add(made)

    bootstrap.application().database.write(add)
    return made.experiment_task_id


def run_of(experiment_task_id: str = "et-1") -> ExperimentRun:
    return bootstrap.application().change_run.read(experiment_task_id)


def sweep() -> None:
    handle("schedule.sync_tasks", {})


EXPERIMENT = Injection("EXP1", "EXT1", InjectionState.RUNNING, "ldtask_1")


@pytest.fixture(autouse=True)
def no_messages_leave(settings: pytest.MonkeyPatch) -> None:
    """There is no bus behind this database: messages stay in the outbox."""

    class Nowhere:
        def send(self, messages: object) -> list[str]:
            return []

    from tandem.services.deliver_messages import DeliverMessages

    application = bootstrap.application()
    limits = application.settings.limits
    vars(application)["deliver"] = DeliverMessages(application.database, Nowhere(), application.clock, limits)


def test_an_end_that_fis_tells_ends_the_run_with_the_times_of_the_actions(fis: SteeredFis) -> None:
    kept()
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=60)
    fis.known["EXP1"] = replace(
        EXPERIMENT,
        state=InjectionState.COMPLETED,
        fault_started_at=began,
        fault_ended_at=began + timedelta(seconds=30),
    )
    told("completed")
    run = run_of()
    assert run.outcome == "SUCCEEDED"
    assert (run.fault_started_at, run.fault_ended_at) == (began, began + timedelta(seconds=30))


def test_what_fis_says_when_it_is_asked_counts_not_the_order_of_its_events(fis: SteeredFis) -> None:
    kept()
    fis.known["EXP1"] = replace(EXPERIMENT, state=InjectionState.COMPLETED)
    told("running")
    assert run_of().outcome == "SUCCEEDED"


def test_an_event_that_comes_before_the_id_was_kept_finds_the_run_by_its_tag(fis: SteeredFis) -> None:
    kept(1, injection_id=None)
    kept(2, injection_id=None)
    fis.known["EXP2"] = Injection("EXP2", "EXT1", InjectionState.RUNNING, "ldtask_2")
    told("running", "EXP2")
    assert (run_of("et-1").injection_id, run_of("et-2").injection_id) == (None, "EXP2")


def test_experiments_of_others_are_not_even_asked_about(fis: SteeredFis) -> None:
    kept()
    told("completed", "EXP9", "EXT9")
    assert fis.asked == []
    told("completed", "EXP9", "EXT1")
    assert fis.asked == []
    assert run_of().finished_at is None


def test_an_experiment_that_somebody_else_started_from_our_template_is_not_ours(fis: SteeredFis) -> None:
    kept(1, injection_id=None)
    fis.known["EXP9"] = Injection("EXP9", "EXT1", InjectionState.COMPLETED, None)
    told("completed", "EXP9")
    assert (run_of().injection_id, run_of().finished_at) == (None, None)


def test_a_silent_fis_ends_the_wait_all_the_same_and_the_times_come_later(fis: SteeredFis) -> None:
    kept()
    fis.down = True
    with pytest.raises(InjectionsUnavailable):
        told("stopped")
    assert run_of().outcome == "STOPPED"
    fis.down = False
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=60)
    fis.known["EXP1"] = replace(
        EXPERIMENT, state=InjectionState.STOPPED, fault_started_at=began, fault_ended_at=began + timedelta(seconds=9)
    )
    told("stopped")
    assert run_of().fault_started_at == began


@pytest.mark.parametrize("detail", [None, {}, {"experiment-id": 7}, {"experiment-id": "EXP1", "new-state": {}}])
def test_an_event_that_means_nothing_is_refused_and_does_not_come_back(fis: SteeredFis, detail: Any) -> None:
    handle("events.on_fis_state_change", {"id": "e", "detail": detail})
    assert fis.asked == []


def stop_requested() -> Any:
    body = '{"taskId": "ldtask_1", "experimentTaskId": "et-1", "what": "INJECTION"}'
    return handle("events.on_stop_requested", {"Records": [{"messageId": "m", "body": body}]})


def test_the_worker_stops_a_fault_that_is_to_be_stopped_and_no_other(fis: SteeredFis) -> None:
    kept()
    assert stop_requested() == {"batchItemFailures": []}
    assert fis.stopped == []
    bootstrap.application().change_run("et-1", lambda run: run.request_abort("lost", datetime.now(UTC)))
    assert stop_requested() == {"batchItemFailures": []}
    assert fis.stopped == ["EXP1"]


def test_the_worker_finds_a_fault_that_nobody_remembered(fis: SteeredFis) -> None:
    kept(injection_id=None, abort_requested_at=datetime.now(UTC))
    fis.known["EXP1"] = EXPERIMENT
    stop_requested()
    assert (run_of().injection_id, fis.stopped) == ("EXP1", ["EXP1"])


def test_a_stop_that_fis_does_not_take_comes_again(fis: SteeredFis) -> None:
    kept(abort_requested_at=datetime.now(UTC))
    fis.down = True
    assert stop_requested() == {"batchItemFailures": [{"itemIdentifier": "m"}]}


def test_a_fault_that_was_never_started_is_waited_for_and_then_over(fis: SteeredFis) -> None:
    kept(injection_id=None, opened=299, abort_requested_at=datetime.now(UTC))
    stop_requested()
    assert run_of().injection_may_run
    kept(2, injection_id=None, opened=301, abort_requested_at=datetime.now(UTC))
    sweep()
    assert not run_of("et-2").injection_may_run


def test_the_sweep_finds_the_end_whose_event_was_lost(fis: SteeredFis) -> None:
    kept(opened=61)
    fis.known["EXP1"] = replace(EXPERIMENT, state=InjectionState.COMPLETED)
    sweep()
    assert run_of().outcome == "SUCCEEDED"


def test_the_sweep_leaves_a_young_fault_to_its_events(fis: SteeredFis) -> None:
    kept(opened=50)
    fis.known["EXP1"] = replace(EXPERIMENT, state=InjectionState.COMPLETED)
    sweep()
    assert fis.asked == []


def test_the_sweep_repeats_a_stop_until_fis_says_that_it_is_over(fis: SteeredFis) -> None:
    kept(opened=5, abort_requested_at=datetime.now(UTC))
    fis.known["EXP1"] = EXPERIMENT
    for _ in range(2):
        sweep()
    database = bootstrap.application().database
    later = datetime.now(UTC) + timedelta(hours=1)
    waiting = database.write(lambda uow: uow.outbox.claim(100, later, later))
    assert [each.message.body.get("what") for each in waiting].count("INJECTION") == 2
    fis.known["EXP1"] = replace(EXPERIMENT, state=InjectionState.STOPPED)
    sweep()
    assert run_of().outcome == "STOPPED"


def test_one_sweep_asks_at_most_twenty_times_and_stops_asking_a_silent_fis(fis: SteeredFis) -> None:
    for number in range(1, 31):
        kept(number, injection_id=f"EXP{number}")
        fis.known[f"EXP{number}"] = Injection(f"EXP{number}", "EXT1", InjectionState.RUNNING, f"ldtask_{number}")
    sweep()
    assert 10 <= len(fis.asked) <= 20
    fis.asked.clear()
    fis.down = True
    sweep()
    assert len(fis.asked) == 1
