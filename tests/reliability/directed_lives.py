"""Lives with one thing going wrong at a chosen moment: each needs one safety and breaks a promise without it.

A life is a function that takes a system from its birth to its end and gives the promises as it found them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.messages import EventName

from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind, Traps
from tests.reliability.machine import FURTHER_ENGINES, HABITS, settle
from tests.reliability.ports import SendFault
from tests.reliability.promises import Promises
from tests.reliability.simulation import Process
from tests.reliability.system import LIST_LIMIT, SWEEP_EVERY_SECONDS, System

Life = Callable[[System], Promises]


def live(system: System, shape: dict[str, Any]) -> Promises:
    """One experiment with a sweep every 30 s, until everything is settled.

    ``further``: the habit, or the fault of a start, of each engine that the pool has besides the default one.
    """
    promises = Promises(system)
    shape = {"habit": "deployed", "finish": None, "user_stop": None, "fault_in": None, "further": ()} | shape
    habit, finish, user_stop = shape.pop("habit"), shape.pop("finish"), shape.pop("user_stop")
    system.calm = system.calm and habit == "deployed"
    system.trap_engine.set_traps(habit if isinstance(habit, Traps) else HABITS[habit])
    for name, trouble in zip(FURTHER_ENGINES, shape.pop("further"), strict=False):
        _add_engine(system, name, trouble)
    system.start_experiment(1, fault_in=shape.pop("fault_in"), **shape)
    if finish is not None:
        at, outcome = finish
        system.event_after(at, "ExperimentFinished", experimentTaskId="et-1", outcome=outcome)
    if user_stop is not None:
        system.simulation.after(user_stop, lambda: system.stop_by_user(1))
    for _ in range(3):
        system.simulation.run_for(SWEEP_EVERY_SECONDS)
        system.sweep()
    settle(system)
    promises.check_in_the_end()
    return promises


def _add_engine(system: System, name: str, trouble: Traps | str | FaultKind) -> None:
    system.add_engine(name)
    if isinstance(trouble, FaultKind):
        engine_fault(system, trouble, Call.START, of=name)
    else:
        system.calm = system.calm and trouble == "deployed"
        system.side(name).engine.set_traps(trouble if isinstance(trouble, Traps) else HABITS[trouble])


# --- what may go wrong ------------------------------------------------------------------------------------------------


def kill_after(system: System, process: str, effect: str, number: int = 1) -> None:
    """The so-manieth such effect of such a process is the last thing that it does."""
    met = 0

    def look(running: Process, done: str) -> None:
        nonlocal met
        met += running.name == process and done == effect
        if met == number:
            system.simulation.after_effect = _nothing
            running.die(f"killed after {effect}")

    system.calm = False
    system.simulation.after_effect = look


def hold_before(
    system: System, process: str, effect: str, number: int, seconds: float, meanwhile: Callable[[], None]
) -> None:
    """Such a process stands still before its so-manieth such effect, and something else happens meanwhile."""
    met = 0

    def look(running: Process, coming: str) -> None:
        nonlocal met
        if running.name != process or not coming.startswith(effect):
            return
        met += 1
        if met == number:
            meanwhile()
            system.simulation.pause(seconds)

    system.calm = False
    system.simulation.before_effect = look


def _nothing(_process: Process, _effect: str) -> None:
    """No more meddling."""


def engine_fault(system: System, kind: FaultKind, *on: Call, calls: int | None = 1, of: str = DEFAULT_ENGINE) -> None:
    """The engine's next such answers are wrong."""
    system.calm = False
    system.side(of).engine.add_fault(Fault(kind, on=frozenset(on), calls=calls))


def forget_in_the_next_sweep(system: System, of: str = DEFAULT_ENGINE) -> None:
    """The engine's list fails, and it says 404 to the single question that comes then."""
    engine_fault(system, FaultKind.ERROR_500, Call.LIST, of=of)
    engine_fault(system, FaultKind.EMPTY_404, Call.STATUS, of=of)


# --- the lives --------------------------------------------------------------------------------------------------------


def of_shape(**shape: Any) -> Life:
    """A life in which nothing goes wrong but what its shape says."""
    return lambda system: live(system, dict(shape))


def killed_after(process: str, effect: str, number: int = 1, **shape: Any) -> Life:
    """A process dies right after it did something, for the first or the so-manieth time."""

    def life(system: System) -> Promises:
        kill_after(system, process, effect, number)
        return live(system, dict(shape))

    return life


def ended_while_it_starts(number: int) -> Life:
    """The step that starts the load stands still before one of its transactions, and the experiment ends there."""

    def life(system: System) -> Promises:
        ends = partial(system.event_after, 0.0, "ExperimentFinished", experimentTaskId="et-1", outcome="STOPPED")
        hold_before(system, "StartLoad", "database", number, 10.0, ends)
        return live(system, {})

    return life


def bus_and_queues_refuse_once(system: System) -> Promises:
    """The first message is not taken."""
    system.calm = False
    system.sender.faults.append(SendFault.NOT_SENT)
    return live(system, {})


def the_start_is_not_answered(system: System) -> Promises:
    engine_fault(system, FaultKind.DO_AND_CUT, Call.START)
    return live(system, {})


def a_404_in_one_sweep(system: System) -> Promises:
    system.simulation.after(20.0, lambda: forget_in_the_next_sweep(system))
    return live(system, {"traffic_duration_sec": 90})


def a_404_in_every_other_sweep(system: System) -> Promises:
    promises = Promises(system)
    system.start_experiment(1, traffic_duration_sec=600)
    system.simulation.run_for(20)
    for _ in range(4):
        forget_in_the_next_sweep(system)
        for _ in range(2):
            system.sweep()
            system.simulation.run_for(SWEEP_EVERY_SECONDS)
    settle(system)
    promises.check_in_the_end()
    return promises


def a_404_to_the_stop(system: System) -> Promises:
    """Whatever stands before the engine says 404 to the load's id for a while, and the load goes on."""
    system.simulation.after(11.5, lambda: engine_fault(system, FaultKind.EMPTY_404, Call.STATUS, Call.STOP, calls=3))
    return live(system, {"user_stop": 12.0, "traffic_duration_sec": 300})


def two_sweeps(system: System) -> Promises:
    """A sweep stands still before it writes, and the next one comes."""
    hold_before(system, "SyncTasks", "database", 3, 5.0, system.sweep)
    return live(system, {})


def a_start_before_there_is_a_strategy(system: System) -> Promises:
    """It stays the only one."""
    promises = Promises(system)
    system.announce_without_strategy(1, copies=(0.0, 5.0))
    settle(system)
    promises.check_in_the_end()
    return promises


def an_answer_before_there_is_a_strategy(system: System) -> Promises:
    """The platform hears that no load runs; then somebody makes the strategy, and the event comes again."""
    promises = Promises(system)
    system.answer_without_strategy()
    system.announce_without_strategy(1, copies=(0.0,))
    system.simulation.run_for(5.0)
    system.start_experiment(1)
    settle(system)
    promises.check_in_the_end()
    return promises


def an_end_before_the_start(system: System) -> Promises:
    system.event_after(0.0, "ExperimentFinished", experimentTaskId="et-1", outcome="STOPPED")
    return live(system, {"copies": [5.0]})


def the_machine_dies_before_the_window(system: System) -> Promises:
    system.calm = False
    system.simulation.after(2.0, system.kill_the_machine)
    return live(system, {"start_before_fault_sec": 20})


def the_machine_and_the_next_sweep_die(system: System) -> Promises:
    kill_after(system, "SyncTasks", "commit")
    return the_machine_dies_before_the_window(system)


def the_machine_dies_with_the_stop(system: System) -> Promises:
    """A user's stop was accepted, and what would carry it out is gone."""
    system.calm = False
    promises = Promises(system)
    system.start_experiment(1, traffic_duration_sec=600)
    system.simulation.run_for(20)
    system.transport.down_until = system.simulation.now + 5
    system.stop_by_user(1)
    system.simulation.run_for(2)
    system.kill_the_machine()
    for _ in range(4):
        system.sweep()
        system.simulation.run_for(SWEEP_EVERY_SECONDS)
    promises.demand(not system.our_loads(), "two minutes after it was accepted the stop is not carried out")
    settle(system)
    promises.check_in_the_end()
    return promises


def the_queue_alone_has_the_stop(system: System) -> Promises:
    """The workflow dies during the lead time, no sweep comes, and the engine is deaf to the worker's first call."""
    system.calm = False
    promises = Promises(system)
    system.trap_engine.set_traps(replace(DEPLOYED, stop_is_ignored=True))
    system.start_experiment(1, start_before_fault_sec=60, traffic_duration_sec=1500)
    system.simulation.run_for(20)
    for process in list(system.simulation.processes):
        process.kill("Step Functions lost it")
    system.stop_by_user(1)
    system.simulation.run_for(60)
    system.end_of_faults()
    system.simulation.run_for(300)
    promises.demand(not system.our_loads(), "the queue did not bring the stop again")
    settle(system)
    promises.check_in_the_end()
    return promises


def a_start_that_comes_after_all(system: System) -> Promises:
    """The engine begins the load when we have given it up."""
    system.calm = False
    system.transport.late_starts.append(150.0)
    system.expect_until(500.0)
    promises = Promises(system)
    system.start_experiment(1, traffic_duration_sec=900)
    for _ in range(12):
        system.simulation.run_for(SWEEP_EVERY_SECONDS)
        system.sweep()
    promises.demand(not system.our_loads(), "a load that nobody waits for goes on")
    settle(system)
    promises.check_in_the_end()
    return promises


def a_load_that_outlives_everything(system: System) -> Promises:
    """Neither the duration nor the engine's own timeout ends it."""
    system.calm = False
    return live(system, {"habit": replace(DEPLOYED, duration_slack_seconds=1e6, timeout_is_ignored=True)})


def a_lost_start_and_a_stop(others: int) -> Life:
    """A start whose answer was lost, behind loads of others, a stop by the user, and five minutes of sweeps."""

    def life(system: System) -> Promises:
        promises = Promises(system)
        engine_fault(system, FaultKind.DO_AND_CUT, Call.START)
        engine_fault(system, FaultKind.ERROR_500, Call.LIST, calls=None)
        system.start_experiment(1, traffic_duration_sec=600)
        system.simulation.run_for(5)
        system.others_start_loads(others, seconds=900)
        system.trap_engine.clear_faults()
        system.stop_by_user(1)
        for _ in range(10):
            system.simulation.run_for(SWEEP_EVERY_SECONDS)
            system.sweep()
        promises.check_owned()
        return promises

    return life


# --- lives of a load in two parts -------------------------------------------------------------------------------------

TWO_PARTS: dict[str, Any] = {"engines": 2, "further": ["deployed"]}
DEAF_WITHOUT_TRAFFIC = replace(DEPLOYED, traffic=False, stop_is_ignored=True)


def a_part_dies_in_the_fault(system: System) -> Promises:
    """One of two engines loses its part: the platform must hear of it while the other part goes on."""
    promises = live(
        system,
        {"engines": 2, "further": ["dies later"], "abort_on_load_failure": True, "traffic_duration_sec": 600},
    )
    heard = [event.at for event in system.heard if event.name == EventName.EXPERIMENT_ABORT_REQUESTED]
    promises.demand(len(heard) == 1 and heard[0] < 60, f"a lost part aborts within a sweep, not at {heard}")
    return promises


def both_parts_are_stopped(system: System) -> Promises:
    """A user's stop, and a minute for it."""
    promises = Promises(system)
    system.add_engine(FURTHER_ENGINES[0])
    system.start_experiment(1, engines=2, traffic_duration_sec=600)
    system.simulation.run_for(20)
    system.stop_by_user(1)
    for _ in range(2):
        system.simulation.run_for(SWEEP_EVERY_SECONDS)
        system.sweep()
    promises.demand(not system.our_loads(), "a minute after it was accepted the stop is not carried out everywhere")
    settle(system)
    promises.check_in_the_end()
    return promises


def a_part_that_starts_after_all(system: System) -> Promises:
    """The second engine begins its part when the load has been given up."""
    system.calm = False
    promises = Promises(system)
    system.add_engine(FURTHER_ENGINES[0])
    system.sides[1].transport.late_starts.append(150.0)
    system.expect_until(500.0)
    system.start_experiment(1, engines=2, traffic_duration_sec=900)
    for _ in range(12):
        system.simulation.run_for(SWEEP_EVERY_SECONDS)
        system.sweep()
    promises.demand(not system.our_loads(), "a part that nobody waits for goes on")
    settle(system)
    promises.check_in_the_end()
    return promises


def a_404_from_each_engine_in_turn(system: System) -> Promises:
    """Sweep after sweep another engine denies its part: neither does so three times running."""
    promises = Promises(system)
    system.add_engine(FURTHER_ENGINES[0])
    system.start_experiment(1, engines=2, traffic_duration_sec=600)
    system.simulation.run_for(20)
    for number in range(6):
        forget_in_the_next_sweep(system, of=system.sides[number % 2].name)
        system.sweep()
        system.simulation.run_for(SWEEP_EVERY_SECONDS)
    settle(system)
    promises.check_in_the_end()
    return promises


LIVES_OF: dict[str, list[Life]] = {
    "without_compare_and_set": [ended_while_it_starts(number) for number in range(1, 9)],
    "without_outbox": [killed_after("CreateTask", "commit")],
    "messages_removed_before_they_are_sent": [bus_and_queues_refuse_once],
    "messages_sent_once_and_never_again": [bus_and_queues_refuse_once],
    "attempt_not_written_before_the_start": [killed_after("StartLoad", "engine START")],
    "a_lost_answer_taken_for_no_start": [the_start_is_not_answered],
    "load_not_looked_for_by_name": [a_lost_start_and_a_stop(0)],
    "a_full_list_believed": [a_lost_start_and_a_stop(LIST_LIMIT)],
    "stopped_at_the_request": [of_shape(user_stop=12.0, habit="slow stop")],
    "one_404_believed": [a_404_in_one_sweep],
    "old_404s_added_up": [a_404_in_every_other_sweep],
    "a_404_to_the_stop_believed": [a_404_to_the_stop],
    "no_lease": [two_sweeps],
    "a_lease_for_ever": [the_machine_and_the_next_sweep_die],
    "the_engines_yes_to_a_stop_believed": [of_shape(user_stop=12.0, habit="deaf to stop")],
    "an_early_end_not_remembered": [an_end_before_the_start],
    "a_start_without_a_strategy_not_kept": [a_start_before_there_is_a_strategy],
    "an_answer_that_is_forgotten": [an_answer_before_there_is_a_strategy],
    "a_window_for_whoever_asks": [killed_after("OpenFaultWindow", "commit")],
    "a_late_confirmation_told_to_nobody": [of_shape(habit="no traffic", traffic_duration_sec=300)],
    "an_abort_for_whoever_asks": [of_shape(habit="dies later", abort_on_load_failure=True)],
    "a_transition_without_its_event": [of_shape(user_stop=12.0)],
    "a_transition_without_its_audit": [of_shape(habit="dies later")],
    "lost_workflows_not_noticed": [the_machine_dies_before_the_window],
    "stops_not_repeated": [the_machine_dies_with_the_stop],
    "a_failed_stop_taken_off_the_queue": [the_queue_alone_has_the_stop],
    "orphans_left_running": [a_start_that_comes_after_all],
    "without_the_deadline": [a_load_that_outlives_everything],
    "running_when_one_engine_took_its_part": [of_shape(engines=2, further=[FaultKind.BUSY_503])],
    "stopped_when_one_engine_confirmed": [
        of_shape(engines=2, further=["deaf to stop"], user_stop=12.0, traffic_duration_sec=300)
    ],
    "a_stop_confirmed_by_one_engine": [
        of_shape(engines=2, habit="no traffic", further=[DEAF_WITHOUT_TRAFFIC], traffic_duration_sec=300)
    ],
    "a_lost_part_not_noticed": [a_part_dies_in_the_fault],
    "only_the_first_part_stopped": [both_parts_are_stopped],
    "a_part_not_answered_for_started_again": [
        of_shape(engines=2, further=[FaultKind.DO_AND_CUT], traffic_duration_sec=300)
    ],
    "two_parts_on_one_engine": [of_shape(**TWO_PARTS)],
    "only_the_first_attempt_written_down": [killed_after("StartLoad", "engine START", number=2, **TWO_PARTS)],
    "only_the_first_part_asked_for_by_sweeps": [a_part_dies_in_the_fault],
    "orphans_looked_for_on_one_engine": [a_part_that_starts_after_all],
    "denials_of_all_engines_added_up": [a_404_from_each_engine_in_turn],
}
"""For each mutant the lives of which one must break a promise."""
