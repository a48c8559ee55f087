"""The sweep over a real database: few statements however many tasks, every engine, every part once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select
from tandem.adapters.database import tables
from tandem.adapters.database.connections import Connections, open_engine
from tandem.adapters.database.transactions import SqlDatabase
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.load_engine import EngineRun, EngineStatus
from tandem.domain.ports import StoredMessage, UnitOfWork
from tandem.domain.sweep_shard import SweepShard
from tandem.domain.task import TaskStatus
from tandem.domain.unsettled_run import UnsettledRun
from tandem.services.deliver_messages import DeliverMessages
from tandem.services.sync_tasks import SyncTasks

from tests.factories.experiments import engine_run, run, seconds_after_noon
from tests.factories.statements import counted_statements
from tests.fakes.surveyed_engines import SurveyedEngines

LATER = seconds_after_noon(20)
MOST_STATEMENTS = 8
"""Of a sweep: lease, read, lock, two updates, audit, outbox, lease. What it wrote is then delivered in three."""
OF_DELIVERY = 3


@dataclass
class Aws:
    """Ticks, workflows and a sender that take everything at once."""

    shards: list[SweepShard] = field(default_factory=list)
    takes_shards: bool = True

    def soon(self) -> None:
        """The test decides when the next sweep is."""

    def split(self, shards: Sequence[SweepShard]) -> bool:
        self.shards += shards if self.takes_shards else ()
        return self.takes_shards

    def start(self, name: str, payload: Mapping[str, object]) -> None:
        raise NotImplementedError("a sweep starts no workflow")

    def running(self, names: Iterable[str]) -> set[str]:
        return set(names)

    def send(self, messages: Sequence[StoredMessage]) -> list[str]:
        return [message.message_id for message in messages]


@dataclass
class FixedClock:
    at: datetime = LATER

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError("a sweep does not wait")


class Ids:
    def __init__(self) -> None:
        self._last = 0

    def new(self, prefix: str) -> str:
        self._last += 1
        return f"{prefix}{self._last}"


@dataclass
class Sweeping:
    """A sweep over the engines, and what it asked of AWS."""

    database: SqlDatabase
    engines: SurveyedEngines
    limits: Limits = field(default_factory=Limits)
    aws: Aws = field(default_factory=Aws)
    clock: FixedClock = field(default_factory=FixedClock)

    @property
    def sweep(self) -> SyncTasks:
        deliver = DeliverMessages(self.database, self.aws, self.clock, self.limits)
        return SyncTasks(
            self.database, self.engines, self.aws, deliver, self.aws, _watch_no_faults, self.clock, Ids(), self.limits
        )


def _watch_no_faults(runs: Sequence[UnsettledRun]) -> None:
    """None of these runs has a fault of our own."""
    assert not [run for run in runs if run.injection_may_run]


@pytest.fixture
def sql_engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(Connections(database_url, size=8))
    yield engine
    engine.dispose()


def running_runs(numbers: Iterable[int], engine: str | None = None) -> list[ExperimentRun]:
    """Runs whose loads were taken at noon, each as execution ``e<number>``."""
    runs = []
    for number in numbers:
        each = run(task_id=f"ldtask_{number}", experiment_task_id=f"et-{number}")
        each.engine = engine
        each.try_start(seconds_after_noon(0))
        each.attempt_start(seconds_after_noon(0))
        each.accept_load(replace(engine_run(), execution_id=f"e{number}"), 120, seconds_after_noon(0))
        each.messages.clear()
        runs.append(each)
    return runs


def add(database: SqlDatabase, runs: Sequence[ExperimentRun]) -> None:
    def work(uow: UnitOfWork) -> None:
        for each in runs:
            uow.runs.add(each)

    database.write(work)


def stopped(execution_id: str) -> EngineRun:
    return EngineRun(execution_id, EngineStatus.STOPPED, "STOPPED")


def statuses(engine: Engine) -> dict[str, int]:
    query = select(tables.task.c.status, func.count()).group_by(tables.task.c.status)
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def found(database: SqlDatabase, experiment_task_id: str) -> ExperimentRun:
    run = database.read(lambda uow: uow.runs.get(experiment_task_id))
    assert run is not None
    return run


def test_the_number_of_statements_does_not_grow_with_the_tasks(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines())
    sweeping.sweep()  # the lease's row is there from now on
    counts = []
    for first, number in ((0, 20), (1_000, 1_000)):
        add(database, running_runs(range(first, first + number)))
        ended = [f"e{each}" for each in range(first, first + number, 10)]
        sweeping.engines.told |= {("default", each): stopped(each) for each in ended}
        with counted_statements(sql_engine) as sent:
            report = sweeping.sweep()
        assert report.changed == len(ended)
        counts.append(len(sent))
    assert counts[0] == counts[1]
    assert counts[0] <= MOST_STATEMENTS + OF_DELIVERY
    assert statuses(sql_engine) == {"RUNNING": 18 + 900, "STOPPED": 2 + 100}


def test_a_sweep_in_which_nothing_happened_writes_nothing(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines())
    add(database, running_runs(range(50)))
    sweeping.sweep()
    with counted_statements(sql_engine) as sent:
        assert sweeping.sweep().changed == 0
    # Lease, read, a look for messages that were left behind, lease.
    assert len(sent) == 4


def test_all_of_a_thousand_may_end_in_one_sweep(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines())
    add(database, running_runs(range(1_200)))
    sweeping.engines.told = {("default", f"e{each}"): stopped(f"e{each}") for each in range(1_200)}
    report = sweeping.sweep()
    assert (report.looked_at, report.changed, report.delivered) == (1_200, 1_200, 1_200)
    assert statuses(sql_engine) == {"STOPPED": 1_200}
    story = database.read(lambda uow: uow.audit.of_task("ldtask_77"))
    assert [entry.to_status for entry in story] == [TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.STOPPED]


def test_values_of_every_kind_survive_a_change_of_many_rows_at_once(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    runs = running_runs(range(3))
    add(database, runs)
    words = "压测 🚀 'quoted' \"twice\" \\ back\nline"
    at = seconds_after_noon(7).replace(microsecond=123_000)

    def change(uow: UnitOfWork) -> None:
        locked = uow.runs.lock_by_task_ids([each.started_task.task_id for each in runs])
        locked[0].window_load_proven, locked[0].load_proven_at = True, at
        locked[1].stop_reason, locked[1].missing_sweeps = words, 2
        locked[2].deadline, locked[2].started_task.error_message = None, words
        uow.runs.save(locked)

    database.write(change)
    first, second, third = (found(database, each.experiment_task_id) for each in runs)
    assert (first.window_load_proven, first.load_proven_at, first.stop_reason) == (True, at, None)
    assert (second.stop_reason, second.missing_sweeps, second.window_load_proven) == (words, 2, None)
    assert (third.deadline, third.started_task.error_message) == (None, words)
    assert second.deadline is not None


def test_equal_ids_on_two_engines_are_two_loads(sql_engine: Engine) -> None:
    """The engines count by themselves: what one says of an id is nothing about the other's."""
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines(names=("default", "b")))
    ours, theirs = running_runs([1]), running_runs([2], engine="b")
    theirs[0].started_task.execution_id = ours[0].started_task.execution_id
    add(database, [*ours, *theirs])
    sweeping.engines.told = {("b", "e1"): stopped("e1")}
    sweeping.sweep()
    seen = [found(database, each).started_task.status for each in ("et-1", "et-2")]
    assert seen == [TaskStatus.RUNNING, TaskStatus.STOPPED]


def test_a_dead_engine_says_nothing_about_the_loads_of_the_others(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines(names=("default", "b"), down={"b"}))
    add(database, [*running_runs([1]), *running_runs([2], engine="b")])
    sweeping.engines.told = {("default", "e1"): stopped("e1"), ("b", "e2"): stopped("e2")}
    report = sweeping.sweep()
    assert (report.changed, report.engine_silent) == (1, 1)
    assert statuses(sql_engine) == {"STOPPED": 1, "RUNNING": 1}


def test_an_orphan_is_stopped_on_the_engine_that_runs_it(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines(names=("default", "b")))
    add(database, running_runs([1]))
    sweeping.engines.told = {("default", "e1"): stopped("e1")}
    sweeping.sweep()
    sweeping.engines.listed["b"] = [replace(engine_run(), execution_id="feed", test_name="tandem ldtask_1")]
    sweeping.sweep()
    orphan = found(database, "et-1")
    assert orphan.stop_pending
    assert (orphan.engine, orphan.started_task.execution_id) == ("b", "feed")


def test_what_is_too_much_for_one_sweep_is_split_into_parts_that_see_each_run_once(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    limits = Limits(sweep_batch=100)
    sweeping = Sweeping(database, SurveyedEngines(), limits)
    add(database, running_runs(range(1_000)))
    report = sweeping.sweep()
    assert (report.looked_at, report.shards) == (0, 16)
    assert [each.number for each in sweeping.aws.shards] == list(range(16))
    looked_at = [sweeping.sweep.shard(each).looked_at for each in sweeping.aws.shards]
    assert sum(looked_at) == 1_000
    assert max(looked_at) <= limits.sweep_batch
    assert sorted(sweeping.engines.asked) == sorted(("default", f"e{number}") for number in range(1_000))


def test_the_parts_find_what_one_sweep_would(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines(), Limits(sweep_batch=10))
    add(database, running_runs(range(40)))
    sweeping.engines.told = {("default", f"e{each}"): stopped(f"e{each}") for each in range(0, 40, 3)}
    sweeping.sweep()
    for shard in sweeping.aws.shards:
        sweeping.sweep.shard(shard)
    assert statuses(sql_engine) == {"RUNNING": 26, "STOPPED": 14}


def test_a_part_that_comes_late_is_left_to_the_next_turn(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines())
    add(database, running_runs(range(4)))
    shard = SweepShard(0, 2, LATER)
    assert sweeping.sweep.shard(shard).looked_at == 2
    sweeping.clock.at = LATER + timedelta(seconds=21)
    assert sweeping.sweep.shard(shard).skipped


def test_no_two_sweep_the_same_part_at_once(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines())
    shard = SweepShard(1, 2, LATER)
    database.write(lambda uow: uow.leases.acquire(shard.lease, "somebody", LATER, LATER + timedelta(seconds=55)))
    assert sweeping.sweep.shard(shard).skipped
    assert not sweeping.sweep.shard(SweepShard(0, 2, LATER)).skipped


def test_without_a_queue_for_parts_the_oldest_are_swept(sql_engine: Engine) -> None:
    database = SqlDatabase(sql_engine)
    sweeping = Sweeping(database, SurveyedEngines(), Limits(sweep_batch=10), Aws(takes_shards=False))
    add(database, running_runs(range(25)))
    assert sweeping.sweep().looked_at == 10


@pytest.mark.parametrize(("active", "parts"), [(1, 1), (8_000, 1), (8_001, 2), (100_000, 16), (10_000_000, 64)])
def test_there_are_enough_parts_and_never_too_many(active: int, parts: int) -> None:
    shards = SweepShard.split(active, 10_000, LATER)
    assert len(shards) == parts
    assert [each.number for each in shards if each.leads] == [0]
    assert len({each.lease for each in shards}) == parts
