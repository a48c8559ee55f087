"""Lives in which the system once broke a promise, each told as it was found."""

import json
from dataclasses import replace

import pytest
from tandem.adapters.database import tables
from tandem.domain.engine_state import StopReason
from tandem.domain.experiment_run import ExperimentRun, Outcome
from tandem.domain.task import TaskStatus

from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind
from tests.reliability.conftest import NewSystem
from tests.reliability.directed_lives import forget_in_the_next_sweep
from tests.reliability.machine import settle
from tests.reliability.ports import CommitFault, SimulatedEngine
from tests.reliability.promises import Promises
from tests.reliability.system import LIMITS, LIST_LIMIT, System


@pytest.fixture
def system(new_system: NewSystem) -> System:
    return new_system(7)


def test_a_full_list_says_nothing_about_a_load_that_it_does_not_show(system: System) -> None:
    """A start whose answer was lost, a stop, and so many loads of others that ours is not listed any more."""
    promises = Promises(system)
    system.trap_engine.add_fault(Fault(FaultKind.DO_AND_CUT, on=frozenset({Call.START})))
    system.trap_engine.add_fault(Fault(FaultKind.ERROR_500, on=frozenset({Call.LIST}), calls=None))
    system.start_experiment(1, traffic_duration_sec=600)
    system.simulation.run_for(5)
    system.others_start_loads(LIST_LIMIT, seconds=500)
    system.trap_engine.clear_faults()
    system.stop_by_user(1)
    for _ in range(10):
        system.simulation.run_for(30)
        system.sweep()
    [task] = system.rows(tables.task)
    assert task.status != TaskStatus.STOPPED
    assert system.rows(tables.run)[0].settled == 0
    settle(system)
    promises.check_in_the_end()
    assert promises.broken == []


def test_404s_that_are_far_apart_do_not_add_up(system: System) -> None:
    promises = Promises(system)
    system.start_experiment(1, traffic_duration_sec=600)
    system.simulation.run_for(20)
    for _ in range(4):
        forget_in_the_next_sweep(system)
        system.sweep()
        system.simulation.run_for(30)
        system.sweep()
        system.simulation.run_for(30)
    [task] = system.rows(tables.task)
    assert task.status == TaskStatus.RUNNING
    assert promises.broken == []


def test_one_sweep_counts_one_404_however_often_its_commit_is_not_answered(system: System) -> None:
    """Found by a random life: what is done again after a lost answer counted the same 404 again."""
    promises = Promises(system)
    system.add_engine("second")
    system.start_experiment(1, traffic_duration_sec=600)
    system.start_experiment(2, traffic_duration_sec=600, engines=2)
    system.simulation.run_for(20)
    for side in system.sides:
        forget_in_the_next_sweep(system, of=side.name)
        system.side(side.name).engine.add_fault(Fault(FaultKind.EMPTY_404, on=frozenset({Call.STATUS})))
    # Behind the commit that takes the lease.
    system.commit_faults.skip = 1
    system.commit_faults.planned += [CommitFault.ANSWER_LOST] * 2
    system.sweep()
    system.simulation.run_for(20)
    assert system.commit_faults.met == 2
    runs = {row.experiment_task_id: row for row in system.rows(tables.run)}
    assert runs["et-1"].missing_sweeps == 1
    assert [part["missing_sweeps"] for part in json.loads(runs["et-2"].parts)] == [1, 1]
    assert [task.status for task in system.rows(tables.task)] == [TaskStatus.RUNNING, TaskStatus.RUNNING]
    settle(system)
    promises.check_in_the_end()
    assert promises.broken == []


def test_404s_between_which_a_stop_saw_the_load_do_not_add_up(system: System) -> None:
    """Found by a random life: the engine is deaf to the stop, and forgets the load whenever a sweep asks."""
    promises = Promises(system)
    system.trap_engine.set_traps(replace(DEPLOYED, stop_is_ignored=True))
    system.start_experiment(1, traffic_duration_sec=600)
    system.simulation.run_for(20)
    system.stop_by_user(1)
    for _ in range(5):
        forget_in_the_next_sweep(system)
        system.sweep()
        system.simulation.run_for(30)
    [task] = system.rows(tables.task)
    assert task.status == TaskStatus.RUNNING
    settle(system)
    promises.check_in_the_end()
    assert promises.broken == []
    [task] = system.rows(tables.task)
    assert task.status == TaskStatus.STOPPED


def test_a_stop_is_not_confirmed_by_an_engine_that_knows_nothing_for_a_moment(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by a judge outside: status and stop said 404, the list left the load out, and it went on all the same."""
    promises = Promises(system)
    system.start_experiment(1, traffic_duration_sec=600)
    system.simulation.run_for(20)
    system.trap_engine.add_fault(Fault(FaultKind.EMPTY_404, on=frozenset({Call.STATUS, Call.STOP}), calls=None))
    monkeypatch.setattr(SimulatedEngine, "list_runs", lambda self: [])
    system.stop_by_user(1)
    system.simulation.run_for(25)
    [task] = system.rows(tables.task)
    assert task.status == TaskStatus.RUNNING
    monkeypatch.undo()
    system.trap_engine.clear_faults()
    settle(system)
    promises.check_in_the_end()
    assert promises.broken == []
    [task] = system.rows(tables.task)
    assert task.status == TaskStatus.STOPPED


def test_a_part_that_runs_its_duration_is_not_lost_because_another_began_later(system: System) -> None:
    """Found by a random life: its start counted from the last engine's answer, and its end came too early by that."""
    promises = Promises(system)
    system.add_engine("second")
    system.sides[1].transport.late_starts.append(8.0)
    system.start_experiment(1, engines=2, traffic_duration_sec=40, abort_on_load_failure=True)
    system.simulation.run_for(44)
    system.sweep()
    system.simulation.run_for(16)
    settle(system)
    promises.check_in_the_end()
    assert promises.broken == []
    [task] = system.rows(tables.task)
    assert task.status == TaskStatus.SUCCEEDED
    assert system.rows(tables.run)[0].abort_requested_at is None


def test_a_part_that_turns_up_late_is_stopped_although_another_cannot_be(system: System) -> None:
    """The first engine is deaf to the stop, and the second begins when it had long been said to know of nothing."""
    promises = Promises(system)
    system.trap_engine.set_traps(replace(DEPLOYED, stop_is_ignored=True))
    system.add_engine("second")
    system.sides[1].transport.late_starts.append(150.0)
    system.start_experiment(1, engines=2, traffic_duration_sec=900)
    for _ in range(12):
        system.simulation.run_for(30)
        system.sweep()
    assert [load.rpartition(" ")[2] for load in system.our_loads()] == ["default"]
    settle(system)
    promises.check_in_the_end()
    assert promises.broken == []


def test_an_end_while_the_engine_turns_the_start_away_ends_the_task_at_once(system: System) -> None:
    system.trap_engine.add_fault(Fault(FaultKind.BUSY_503, on=frozenset({Call.START}), calls=None))
    system.transport.before_answer[Call.START] = lambda: system.application.finish_experiment("et-1", Outcome.SUCCEEDED)
    system.start_experiment(1)
    system.simulation.run_for(10)
    [task] = system.rows(tables.task)
    assert task.status == TaskStatus.STOPPED
    assert system.rows(tables.run)[0].settled == 1


def test_the_window_of_a_lost_workflow_waits_for_its_moment(system: System) -> None:
    system.start_experiment(1, fault_in=200.0)
    system.simulation.run_for(5)
    system.kill_the_machine()
    for _ in range(4):
        system.sweep()
        system.simulation.run_for(30)
    [run] = system.rows(tables.run)
    assert run.window_opened_at is None
    for _ in range(3):
        system.sweep()
        system.simulation.run_for(30)
    [run] = system.rows(tables.run)
    assert run.window_load_proven is False
    assert 0 <= (run.fault_at - run.window_opened_at).total_seconds() <= 35
    settle(system)


def test_a_claim_that_ran_out_is_not_released_for_its_next_holder(system: System) -> None:
    """The first stopper hangs for longer than its claim; the second one's claim must survive the first one's end."""
    system.trap_engine.set_traps(replace(DEPLOYED, stop_is_ignored=True))
    system.start_experiment(1, traffic_duration_sec=600)
    system.simulation.run_for(20)
    [run] = system.rows(tables.run)
    held: list[object] = []

    def claim_again() -> None:
        def take(run: ExperimentRun) -> None:
            run.stop_claimed_at = system.clock.now()

        held.append(system.application.change_run("et-1", take).stop_claimed_at)

    system.transport.before_answer[Call.STOP] = claim_again
    system.stop_by_user(1)
    system.simulation.run_for(LIMITS.stop_claim / 2)
    [run] = system.rows(tables.run)
    assert run.stop_cause == StopReason.USER
    assert held
    assert run.stop_claimed_at == held[-1]


def test_a_sweep_sends_all_that_is_due_not_one_batch_of_it(system: System) -> None:
    count = LIMITS.message_batch // 2 + 20
    system.sender.refuse_everything = True
    for number in range(1, count + 1):
        system.start_experiment(number, enable=True, traffic_duration_sec=900)
    system.simulation.run_for(60)
    assert len(system.rows(tables.outbox)) > LIMITS.message_batch
    system.sender.refuse_everything = False
    system.sweep()
    system.simulation.run_for(29)
    assert system.rows(tables.outbox) == []
