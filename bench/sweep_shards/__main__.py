"""python -m bench.sweep_shards: 100,000 active tasks, swept in parts side by side by the same code."""

import queue
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from tandem.domain.sweep_shard import SweepShard

from bench.arguments import smoke_wanted, tell
from bench.report import Bound, Report, number, spread
from bench.sweep_shards.part import Swept, make_part
from bench.sweep_shards.server import Locks, busy_seconds, ends_written, locks_met
from bench.sweep_tasks.answering_engine import answering_engine
from bench.sweep_tasks.rows import Rows
from bench.worker import Turn, Worker
from tests.conftest import alembic_config
from tests.factories.database_servers import private_server

ANSWER_SECONDS = 0.005
ENDED_OF_TEN = 1
TICK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Sizes:
    """``copies``: how many copies of the function sweep side by side; as many as there are parts at the end."""

    tasks: int = 100_000
    batch: int = 10_000
    copies: tuple[int, ...] = (4, 16)


SMOKE = Sizes(tasks=600, batch=100, copies=(2, 8))


@dataclass(frozen=True, slots=True)
class Measured:
    """All parts swept once. ``busy``: seconds that the machine's processors worked meanwhile, for whomever.

    ``later``: what one more turn of all parts did, which is made when the first has left something to it.
    """

    seconds: float
    busy: float
    turns: Sequence[Turn]
    locks: Locks
    later: Sequence[Turn]

    @property
    def swept(self) -> list[Swept]:
        return [turn.answer for turn in self.turns]

    @property
    def left(self) -> int:
        """Tasks of which the engine said nothing in time."""
        return sum(each.left for each in self.swept)


class ShardBench:
    """One database and one engine for all figures of the bench."""

    def __init__(self, database_url: str, engine_url: str, sizes: Sizes) -> None:
        self._urls = database_url, engine_url
        self._sizes = sizes
        self._parts = SweepShard.split(sizes.tasks, sizes.batch, datetime.now(UTC))
        self._rows = Rows(database_url)
        self._server = create_engine(database_url, poolclass=NullPool)

    def run(self) -> Report:
        sizes = self._sizes
        report = Report(
            "Sweep in parts: past what one sweep does in its time (`bench.sweep_shards`)",
            f"{sizes.tasks:,} active tasks in MariaDB, of which a tenth have ended, in {len(self._parts)} parts; one "
            f"engine in a process of its own that answers every call after {ANSWER_SECONDS * 1000:.0f} ms. On AWS each "
            "part has a copy of the function to itself; here so many copies, each a process, take part after part, and "
            "share two cores with database and engine. `processor s`: of the copy that swept the part; what Lambda "
            "would bill at one processor, but for the waiting.",
        )
        table = report.table(
            "copies",
            "all parts, s",
            "s a part",
            "processor s a part",
            "of all copies",
            "of the machine",
            "peak MB",
            "deadlocks",
            "lock waits",
            "left to the next turn",
        )
        with closing(self._rows):
            self._rows.fill(100)
            measured = {copies: self._sweep(copies) for copies in sizes.copies}
        for copies, each in measured.items():
            used = [turn.cpu_seconds for turn in each.turns]
            table.add(
                str(copies),
                number(each.seconds),
                spread([turn.seconds for turn in each.turns]),
                spread(used),
                number(sum(used)),
                number(each.busy),
                number(_peak_mb(each)),
                str(each.locks.deadlocks),
                str(each.locks.waits),
                f"{each.left:,}",
            )
        self._claim(report, measured[max(sizes.copies)])
        return report

    def _claim(self, report: Report, whole: Measured) -> None:
        report.claim(
            f"{self._sizes.tasks:,} tasks, {len(self._parts)} copies side by side: all parts",
            whole.seconds,
            Bound.AT_MOST,
            TICK_SECONDS,
            "s",
        )
        most = max(each.looked_at for each in whole.swept)
        report.claim("tasks in the largest part", most, Bound.AT_MOST, self._sizes.batch)
        report.claim("peak memory of a copy", _peak_mb(whole), Bound.AT_MOST, 300, "MB")
        report.notes.append(
            "Every run of the table was checked: each task looked at once, each end written once in its task and once "
            "in its story, each of its messages handed on once, none left over."
        )

    def _sweep(self, copies: int) -> Measured:
        """All parts once. Raises RuntimeError when a task was left out, or a change is not there exactly once."""
        self._rows.activate(self._sizes.tasks)
        with ExitStack() as stack:
            workers = [stack.enter_context(Worker(make_part, *self._urls)) for _ in range(copies)]
            threads = stack.enter_context(ThreadPoolExecutor(copies))
            # A part that there is none of: imports, pools and leases are there when time begins to count.
            list(threads.map(lambda at: workers[at].turn(at, 1 << 62), range(copies)))
            locks, busy, began = locks_met(self._server), busy_seconds(), time.perf_counter()
            turns = _all_parts(self._parts, workers, threads)
            seconds, busy = time.perf_counter() - began, busy_seconds() - busy
            locks = locks_met(self._server).since(locks)
            later = _all_parts(self._parts, workers, threads) if any(turn.answer.left for turn in turns) else []
            measured = Measured(seconds, busy, turns, locks, later)
        self._check(measured)
        return measured

    def _check(self, measured: Measured) -> None:
        ended = sum(each % 10 < ENDED_OF_TEN for each in range(1, self._sizes.tasks + 1))
        swept = [*measured.swept, *(turn.answer for turn in measured.later)]
        seen = {
            "looked at": sum(each.looked_at for each in measured.swept),
            "changed": sum(each.changed for each in swept),
            "handed on": sum(each.delivered for each in swept),
            "tasks ended": self._rows.ended(),
        } | ends_written(self._server)
        expected = dict.fromkeys(seen, ended) | {"looked at": self._sizes.tasks, "messages left": 0}
        if seen != expected:
            raise RuntimeError(f"{seen} instead of {expected}")


def _all_parts(parts: Sequence[SweepShard], workers: Sequence[Worker], threads: ThreadPoolExecutor) -> list[Turn]:
    """Sweep each part once, the workers side by side."""
    waiting: queue.SimpleQueue[SweepShard] = queue.SimpleQueue()
    for each in parts:
        waiting.put(each)
    return [turn for done in threads.map(lambda worker: _take(worker, waiting), workers) for turn in done]


def _take(worker: Worker, waiting: "queue.SimpleQueue[SweepShard]") -> list[Turn]:
    """Let this copy sweep part after part until none waits."""
    turns: list[Turn] = []
    while True:
        try:
            part = waiting.get_nowait()
        except queue.Empty:
            return turns
        turns.append(worker.turn(part.number, part.of))


def _peak_mb(measured: Measured) -> float:
    return max(turn.peak_bytes for turn in measured.turns) / 1e6


def measure(sizes: Sizes) -> Report:
    """Run the bench on a private MySQL, or what TANDEM_TEST_DATABASES names first."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as directory, private_server(Path(directory)) as server:
        url = server.create_database("tandem_bench")
        command.upgrade(alembic_config(url), "head")
        with answering_engine(sizes.tasks, ENDED_OF_TEN, ANSWER_SECONDS) as engine_url:
            return ShardBench(url, engine_url, sizes).run()


if __name__ == "__main__":
    sizes = SMOKE if smoke_wanted(__doc__) else Sizes()
    tell(lambda: measure(sizes))
