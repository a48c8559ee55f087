"""Which engine a load goes to: decided in one transaction, on what the database says is placed where."""

from collections.abc import Collection, Mapping
from datetime import datetime

from tandem.domain.clock import Clock
from tandem.domain.engine_entry import EngineState
from tandem.domain.engine_pool import Occupancy, PooledEngine, merged, with_most_room
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.ports import UnitOfWork
from tandem.domain.workflow_step import NextStep
from tandem.services.change_run import ChangeRun
from tandem.telemetry import LogEvent, log

PLACEMENT = "placement"
"""The name that is held while room is counted: two at a time would both take the last room."""


class PlaceLoad:
    """Notes on the run where its load is to be started, before anything is sent there."""

    def __init__(self, change: ChangeRun, from_settings: Mapping[str, str], clock: Clock) -> None:
        self._change = change
        self._from_settings = from_settings
        self._clock = clock

    def __call__(self, experiment_task_id: str, but_not: Collection[str] = ()) -> ExperimentRun | None:
        """The run as it is then; None when not enough other engines take the load now.

        A run whose start is under way, or that wants no load any more, is left as it is.
        """
        now = self._clock.now()

        def place(uow: UnitOfWork, run: ExperimentRun) -> bool:
            if run.next_step() != NextStep.CONTINUE or not run.parts_to_start:
                return True
            chosen = self._choose(uow, run, but_not, now)
            if chosen is not None:
                run.place_on(chosen, now)
            return chosen is not None

        run, placed = self._change.inside(experiment_task_id, place)
        if placed:
            engines = [part.engine for part in run.load_parts]
            log(LogEvent.LOAD_PLACED, experiment_task_id=experiment_task_id, engine=",".join(engines))
        return run if placed else None

    def _choose(self, uow: UnitOfWork, run: ExperimentRun, but_not: Collection[str], now: datetime) -> list[str] | None:
        """An engine for each part that is yet to be started, each another one; None when there are too few."""
        parts = run.parts_to_place()
        pool = merged(self._from_settings, uow.engines.entries())
        occupied: dict[str, Occupancy] = {}
        if len(parts) > 1 or not _needs_no_count(pool):
            uow.leases.hold(PLACEMENT, now)
            # Read again: while we waited, an engine may have been drained or removed.
            pool = merged(self._from_settings, uow.engines.entries())
            occupied = uow.engines.occupancies()
        for part in run.parts_to_start if run.engine is not None else []:
            if part.engine in occupied:
                # Where an earlier try had placed it.
                has = occupied[part.engine]
                occupied[part.engine] = Occupancy(has.loads - 1, has.threads - part.threads)
        taken = {*but_not, *(part.engine for part in run.parts if part.may_run)}
        chosen: list[str] = []
        for part in parts:
            engine = with_most_room(pool, occupied, part.threads, taken)
            if engine is None:
                return None
            chosen.append(engine.name)
            taken.add(engine.name)
        return chosen


def _needs_no_count(pool: list[PooledEngine]) -> bool:
    active = [engine for engine in pool if engine.state is EngineState.ACTIVE]
    return len(active) < 2 and all(engine.max_loads is None and engine.max_threads is None for engine in active)
