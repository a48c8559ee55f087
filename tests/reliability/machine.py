"""The random life of the system: experiments, users, sweeps, faults of everything, and kills."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tandem.domain.engine_entry import EngineState
from tandem.domain.strategy import Gate

from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind, Traps
from tests.reliability.fis import FisFault
from tests.reliability.ports import SIMULATED_KINDS, CommitFault, SendFault, StartFault
from tests.reliability.promises import Promises, coverage
from tests.reliability.system import LIST_LIMIT, SWEEP_EVERY_SECONDS, System

SWEEPS_UNTIL_ALL_IS_SETTLED = 60
FURTHER_ENGINES = ("second", "third")
HABITS: dict[str, Traps] = {
    "deployed": DEPLOYED,
    "no traffic": replace(DEPLOYED, traffic=False),
    "late traffic": replace(DEPLOYED, boot_seconds=4.0, pending_seconds=2.0),
    "half errors": replace(DEPLOYED, error_rate=0.5, throughput=3.0),
    "dies soon": replace(DEPLOYED, dies_after_seconds=3.0),
    "dies later": replace(DEPLOYED, dies_after_seconds=25.0),
    "ends early": replace(DEPLOYED, completes_after_seconds=12.0),
    "never ends": replace(DEPLOYED, duration_slack_seconds=10_000.0),
    "slow stop": replace(DEPLOYED, stop_takes_seconds=40.0, stop_ends_as_failed=True),
    "deaf to stop": replace(DEPLOYED, stop_is_ignored=True),
    "FAILED first": replace(DEPLOYED, failed_before_final_seconds=20.0),
    "wrong clock": replace(DEPLOYED, clock_offset_seconds=-5000.0, zone_offset_seconds=7200.0),
    "honest": Traps(),
}
SOON = st.sampled_from([0.0, 0.0, 0.01, 1.0, 7.0, 40.0, 150.0])
SHAPES = {
    "lead": st.sampled_from([0, 1, 5, 20]),
    "duration": st.sampled_from([2, 10, 30, 90, 600]),
    "aborts": st.booleans(),
    "stop_on_completion": st.booleans(),
    "gate": st.sampled_from([Gate(timeout_sec=8), Gate(timeout_sec=12, min_throughput=10.0, max_error_rate=0.2)]),
    "fault_seconds": st.sampled_from([None, None, 3.0, 40.0, 900.0]),
    "fault_in": st.sampled_from([None, None, 2.0, 12.0, 45.0]),
    "copies": st.lists(SOON, min_size=1, max_size=3),
    "kills": st.one_of(st.just([]), st.lists(st.integers(1, 70), min_size=1, max_size=3)),
    "habit": st.sampled_from(sorted(HABITS)),
    "start": st.sampled_from(
        [None, None, None, "lost", "lost by one", "lost among others", "turned away", "turned away by one"]
    ),
    "end": st.one_of(
        st.none(),
        st.tuples(st.sampled_from(["user", "STOPPED", "SUCCEEDED"]), st.sampled_from([0.3, 5.0, 15.0, 60.0])),
    ),
    "then": st.sampled_from([0.0, 0.2, 2.0, 15.0]),
    "engines": st.sampled_from([1, 2, 2, 3]),
}
PLANNED_IN = st.sampled_from([None, 0.0, 0.5, 30.0])
WHICH = st.sampled_from([1, 1, 1, 1, 2, 3])
A_WHILE = st.sampled_from([0.0, 0.05, 1.0, 10.0, 40.0])
CALLS = st.sampled_from(
    [
        frozenset({Call.START}),
        frozenset({Call.STOP}),
        frozenset({Call.STATUS}),
        frozenset({Call.LIST}),
        frozenset({Call.METRICS}),
        frozenset({Call.STATUS, Call.LIST, Call.STOP}),
        frozenset(),
    ]
)


def settle(system: System, after_ten_sweeps: Callable[[], None] = lambda: None) -> None:
    """The faults are over; sweeps run on until nothing is left to do, and then a few more."""
    system.end_of_faults()
    quiet = 0
    for number in range(SWEEPS_UNTIL_ALL_IS_SETTLED):
        if number == 10:
            after_ten_sweeps()
        system.sweep()
        system.simulation.run_for(SWEEP_EVERY_SECONDS)
        quiet = quiet + 1 if system.quiet() else 0
        if quiet == 2:
            return


class SystemMachine(RuleBasedStateMachine):
    """Rules for Hypothesis; ``new_system`` and ``counted`` are set by whoever runs it."""

    new_system: Callable[[int], System]
    counted: Counter[str]

    @initialize(
        seed=st.integers(0, 2**32),
        shape=st.fixed_dictionaries(SHAPES),
        pool=st.sampled_from([1, 2, 2, 3]),
        answers=st.booleans(),
    )
    def begin(self, seed: int, shape: dict[str, Any], pool: int, answers: bool) -> None:
        self.system = type(self).new_system(seed)
        if answers:
            self.system.answer_without_strategy()
        for name in FURTHER_ENGINES[: 0 if self.system.over_http else pool - 1]:
            self.system.add_engine(name)
        self.promises = Promises(self.system)
        self.simulation = self.system.simulation
        self.experiments = 0
        self.without_strategy = 0
        self.machine_died = False
        self._start(**shape)

    # --- the platform and its users ---------------------------------------------------------------------------------

    @precondition(lambda self: self.experiments < 3)
    @rule(shape=st.fixed_dictionaries(SHAPES))
    def experiment_starts(self, shape: dict[str, Any]) -> None:
        self._start(**shape)

    @precondition(lambda self: self.without_strategy < 2)
    @rule(
        copies=st.lists(SOON, min_size=1, max_size=3), planned_in=st.sampled_from([None, 0.0, 0.5, 30.0]), then=A_WHILE
    )
    def experiment_without_a_strategy_starts(self, copies: list[float], planned_in: float | None, then: float) -> None:
        """It may get one a little later, and is announced again."""
        self.without_strategy += 1
        number = 10 + self.without_strategy
        self.system.announce_without_strategy(number, copies)
        if planned_in is not None:
            # A load of which nothing is expected but what holds for all.
            self.system.calm = False
            self.simulation.after(planned_in, lambda: self.system.start_experiment(number, traffic_duration_sec=60))
        self.simulation.run_for(then)

    def _start(
        self,
        *,
        lead: int,
        duration: int,
        aborts: bool,
        stop_on_completion: bool,
        gate: Gate,
        fault_seconds: float | None,
        fault_in: float | None,
        copies: list[float],
        kills: list[int],
        habit: str,
        start: str | None,
        end: tuple[str, float] | None,
        then: float,
        engines: int,
    ) -> None:
        pool = len(self.system.sides)
        # A pool of one has loads on one engine; a larger one also loads for which it has too few.
        asked = 1 if pool == 1 else engines
        self.system.calm = self.system.calm and asked <= pool
        self._kill_after(kills)
        self._set_habit(habit)
        self._spoil_start(start)
        self.experiments += 1
        number = self.experiments
        self.system.start_experiment(
            number,
            copies=copies,
            fault_in=fault_in,
            fault_seconds=fault_seconds,
            start_before_fault_sec=lead,
            traffic_duration_sec=lead + duration,
            abort_on_load_failure=aborts,
            stop_on_completion=stop_on_completion,
            gate=gate,
            engines=asked,
        )
        match end:
            case ("user", seconds):
                self.simulation.after(seconds, lambda: self.system.stop_by_user(number))
            case (outcome, seconds):
                self.system.event_after(seconds, "ExperimentFinished", experimentTaskId=f"et-{number}", outcome=outcome)
        self.simulation.run_for(then)

    @rule(
        number=WHICH,
        outcome=st.sampled_from(["SUCCEEDED", "FAILED", "STOPPED"]),
        copies=st.lists(SOON, min_size=1, max_size=2),
    )
    def experiment_finishes(self, number: int, outcome: str, copies: list[float]) -> None:
        """Also one that was not seen to start yet."""
        for delay in copies:
            self.system.event_after(delay, "ExperimentFinished", experimentTaskId=f"et-{number}", outcome=outcome)

    @rule(number=WHICH)
    def user_stops(self, number: int) -> None:
        self.system.stop_by_user(number)

    @rule(number=WHICH)
    def user_looks(self, number: int) -> None:
        self.system.look_by_user(number)

    # --- time -------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.05, 0.5, 2.0, 6.0, 20.0, 61.0]), sweeps=st.integers(0, 2))
    def time_passes(self, seconds: float, sweeps: int) -> None:
        """With a sweep, or two at once, at its beginning."""
        for _ in range(sweeps):
            self.system.sweep()
        self.simulation.run_for(seconds)

    # --- what goes wrong --------------------------------------------------------------------------------------------

    @rule(effects=st.lists(st.integers(1, 20), min_size=1, max_size=4), then=A_WHILE)
    def processes_are_killed(self, effects: list[int], then: float) -> None:
        """Whoever has the n-th effect from now on dies right after it."""
        self._kill_after(effects)
        self.simulation.run_for(then)

    def _kill_after(self, effects: list[int]) -> None:
        self.system.calm = self.system.calm and not effects
        self.simulation.kill_after |= {self.simulation.effects + each for each in effects}

    @precondition(lambda self: not self.machine_died)
    @rule()
    def the_machine_dies(self) -> None:
        self.system.calm = False
        self.machine_died = True
        self.system.kill_the_machine()

    @rule(faults=st.lists(st.sampled_from(CommitFault), min_size=1, max_size=9), then=A_WHILE)
    def database_fails(self, faults: list[CommitFault], then: float) -> None:
        self.system.calm = False
        self.system.commit_faults.planned += faults
        self.simulation.run_for(then)

    @rule(
        faults=st.lists(
            st.tuples(st.sampled_from(SIMULATED_KINDS), CALLS, st.sampled_from([1, 1, 2, 6])), min_size=1, max_size=3
        ),
        then=A_WHILE,
    )
    def engine_answers_badly(self, faults: list[tuple[FaultKind, frozenset[Call], int]], then: float) -> None:
        self.system.calm = False
        for kind, on, calls in faults:
            # Over real HTTP a hang would take real time.
            kept = FaultKind.CUT if self.system.over_http and kind is FaultKind.HANG else kind
            self.system.any_side().engine.add_fault(Fault(kept, on=on, calls=calls))
        self.simulation.run_for(then)

    @rule(pattern=st.lists(st.booleans(), min_size=2, max_size=6))
    def engine_forgets_now_and_then(self, pattern: list[bool]) -> None:
        """Sweep after sweep, some of which are told 404."""
        self.system.calm = False
        for forgets in pattern:
            if forgets:
                engine = self.system.any_side().engine
                engine.add_fault(Fault(FaultKind.ERROR_500, on=frozenset({Call.LIST})))
                engine.add_fault(Fault(FaultKind.EMPTY_404, on=frozenset({Call.STATUS})))
            self.system.sweep()
            self.simulation.run_for(SWEEP_EVERY_SECONDS)

    @rule(count=st.integers(1, LIST_LIMIT))
    def others_use_the_engine(self, count: int) -> None:
        self.system.others_start_loads(count)

    @rule(seconds=st.sampled_from([3.0, 30.0, 100.0]))
    def engine_is_down(self, seconds: float) -> None:
        self.system.calm = False
        self.system.any_side().transport.down_until = self.simulation.now + seconds

    @precondition(lambda self: len(self.system.sides) > 1)
    @rule(which=st.integers(0, 2), drains=st.booleans())
    def operator_drains_an_engine(self, which: int, drains: bool) -> None:
        """Or has it take loads again; with too few that take any, loads fail as the rules say."""
        self.system.calm = False
        name = self.system.sides[which % len(self.system.sides)].name
        self.system.engines_state(name, EngineState.DRAINING if drains else EngineState.ACTIVE)

    @rule(seconds=st.sampled_from([5.0, 40.0, 200.0]))
    def engine_starts_late(self, seconds: float) -> None:
        """The next start takes so long that its caller gives up waiting."""
        self.system.calm = False
        self.system.any_side().transport.late_starts.append(seconds)
        self.system.expect_until(seconds + 300.0)

    def _spoil_start(self, how: str | None) -> None:
        """The next start, on every engine or on one: it happens and its answer is lost, also behind so many others
        that no list shows it.
        """
        if how is None:
            return
        self.system.calm = False
        kind = FaultKind.BUSY_503 if how.startswith("turned away") else FaultKind.DO_AND_CUT
        for side in [self.system.any_side()] if how.endswith("by one") else self.system.sides:
            side.engine.add_fault(Fault(kind, on=frozenset({Call.START})))
            if how == "lost among others":
                side.transport.before_answer[Call.START] = self._crowd

    def _crowd(self) -> None:
        for side in self.system.sides:
            side.transport.before_answer.pop(Call.START, None)
        self.system.others_start_loads(LIST_LIMIT, seconds=900)

    @rule(kill_load=st.booleans(), lose_names=st.booleans(), forget_runs=st.booleans())
    def engine_restarts(self, kill_load: bool, lose_names: bool, forget_runs: bool) -> None:
        self.system.calm = False
        self.system.any_side().engine.restart(kill_load=kill_load, lose_names=lose_names, forget_runs=forget_runs)

    @rule(name=st.sampled_from(sorted(HABITS)))
    def engine_has_another_habit(self, name: str) -> None:
        """For the loads that start from now on."""
        self._set_habit(name)

    @precondition(lambda self: len(self.system.sides) > 1)
    @rule(name=st.sampled_from(sorted(HABITS)))
    def one_engine_has_another_habit(self, name: str) -> None:
        """So that the parts of a load behave differently."""
        self.system.calm = False
        self.system.any_side().engine.set_traps(HABITS[name])

    def _set_habit(self, name: str) -> None:
        self.system.calm = self.system.calm and name in {"deployed", "honest"}
        takes_real_time = self.system.over_http and name == "slow stop"
        self.system.set_traps(HABITS["deployed" if takes_real_time else name])

    @rule(faults=st.lists(st.sampled_from(SendFault), min_size=1, max_size=4))
    def messages_go_wrong(self, faults: list[SendFault]) -> None:
        self.system.calm = False
        self.system.sender.faults += faults

    @rule(delays=st.lists(SOON, min_size=1, max_size=3), twice=st.integers(0, 1))
    def stops_come_late_or_twice(self, delays: list[float], twice: int) -> None:
        self.system.delays += delays
        self.system.duplicate_stops += twice

    @rule(faults=st.lists(st.sampled_from(StartFault), min_size=1, max_size=3))
    def step_functions_fail(self, faults: list[StartFault]) -> None:
        self.system.calm = False
        self.system.workflows.faults += faults

    @rule(faults=st.lists(st.sampled_from(FisFault), min_size=1, max_size=5), lost=st.integers(0, 3), then=A_WHILE)
    def fis_fails(self, faults: list[FisFault], lost: int, then: float) -> None:
        """Calls of FIS, and events of its own that never come."""
        self.system.calm = False
        self.system.fis.faults += faults
        self.system.fis.events_to_lose += lost
        self.simulation.run_for(then)

    # --- what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def promises_are_kept(self) -> None:
        if hasattr(self, "promises"):
            self._demand()

    def teardown(self) -> None:
        if not hasattr(self, "promises"):
            return
        try:
            self._demand()
            settle(self.system, self.promises.check_owned)
            self.promises.check_in_the_end()
            self._demand()
            self.counted.update(coverage(self.system))
        finally:
            self.system.close()

    def _demand(self) -> None:
        if self.promises.broken:
            note("\n".join(self.simulation.trace))
            raise AssertionError("; ".join(self.promises.broken))
