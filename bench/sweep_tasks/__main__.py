"""python -m bench.sweep_tasks: one 30-second sweep beside the algorithm one writes first, and beside the floor."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from bench.arguments import smoke_wanted, tell
from bench.report import Bound, Report, number, spread
from bench.sweep_tasks import floor, ours, reference
from bench.sweep_tasks.answering_engine import answering_engine
from bench.sweep_tasks.rows import Rows, statements_sent
from bench.sweep_tasks.slow_network import slow_network
from bench.worker import Turn, Worker
from tests.conftest import alembic_config
from tests.factories.database_servers import private_server

ANSWER_SECONDS = 0.005
ENDED_OF_TEN = 1
ROUND_TRIP_SECONDS = 0.002
SWEEP_BUDGET_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much to measure. ``reference_tasks`` and ``far_tasks``: where the reference and the slow network are run."""

    settled: int = 100_000
    tasks: tuple[int, ...] = (100, 1_000, 10_000)
    turns: int = 5
    turns_of_many: int = 3
    reference_tasks: tuple[int, ...] = (100, 1_000)
    far_tasks: int = 1_000
    dead_tasks: tuple[int, ...] = (100, 1_000)


SMOKE = Sizes(settled=200, tasks=(20, 600), turns=1, reference_tasks=(20,), far_tasks=20, dead_tasks=())


@dataclass(frozen=True, slots=True)
class Measured:
    """Some turns of one way to sweep, and how many statements the server saw in one of them.

    ``handing_on`` of these took the messages out of the outbox, for AWS.
    """

    turns: list[Turn]
    statements: int
    handing_on: int

    @property
    def milliseconds(self) -> list[float]:
        return [turn.seconds * 1000 for turn in self.turns]

    @property
    def median(self) -> float:
        return median(self.milliseconds)

    @property
    def peak_mb(self) -> float:
        return self.turns[-1].peak_bytes / 1e6


class SweepBench:
    """One database for all figures of the bench."""

    def __init__(self, url: str, sizes: Sizes) -> None:
        self._url = url
        self._sizes = sizes
        self._rows = Rows(url)
        self._server = create_engine(url, poolclass=NullPool)

    def run(self) -> Report:
        sizes = self._sizes
        report = Report(
            "Sweep: one 30-second sync of every active task (`bench.sweep_tasks`)",
            f"N active tasks among {sizes.settled:,} settled ones; an engine in a process of its own that "
            f"answers every call after {ANSWER_SECONDS * 1000:.0f} ms; a tenth of the tasks have ended there; their "
            "ends are written and told. Each way of sweeping in a process of its own, turn about, "
            f"median of {sizes.turns} turns ({sizes.turns_of_many} beyond N = 1,000) after a first one. Statements as "
            "the server counts them, the lease included; `outbox`: those more that hand the messages on to AWS.",
        )
        with closing(self._rows):
            self._rows.fill(sizes.settled)
            self._compare(report)
            self._far_database(report)
            self._dead_engines(report)
        return report

    def _compare(self, report: Report) -> None:
        table = report.table("N", "way", "ms", "statements", "outbox", "peak MB", "x floor")
        for tasks in self._sizes.tasks:
            with answering_engine(tasks, ENDED_OF_TEN, ANSWER_SECONDS) as engine_url, ExitStack() as stack:
                workers = {
                    "ours": stack.enter_context(Worker(ours.make_sweep, self._url, engine_url, tasks)),
                    "floor": stack.enter_context(Worker(floor.make_sweep, self._url, engine_url)),
                }
                turns = self._sizes.turns if tasks <= 1_000 else self._sizes.turns_of_many
                measured = self._turn_about(workers, tasks, turns)
                if tasks in self._sizes.reference_tasks:
                    with Worker(reference.make_sweep, self._url, engine_url) as worker:
                        measured |= self._turn_about({"reference": worker}, tasks, 1, warm_up=False)
            for way, each in measured.items():
                ratio = number(each.median / measured["floor"].median)
                statements = str(each.statements - each.handing_on), str(each.handing_on)
                peak = number(each.peak_mb)
                table.add(f"{tasks:,}", way, spread(each.milliseconds), *statements, peak, ratio)
            self._claim(report, tasks, measured)
        report.notes.append(
            f"The reference is run once, and not at N = {max(self._sizes.tasks):,}: at its pace that is minutes."
        )

    def _claim(self, report: Report, tasks: int, measured: dict[str, Measured]) -> None:
        mine, least = measured["ours"], measured["floor"].median
        if tasks <= 1_000:
            report.claim(f"N = {tasks:,}: statements", mine.statements - mine.handing_on, Bound.AT_MOST, 8)
        if tasks == 1_000:
            faster = measured["reference"].median / mine.median
            report.claim("N = 1,000: times faster than the reference", faster, Bound.AT_LEAST, 60)
            report.claim("N = 1,000: times the floor", mine.median / least, Bound.AT_MOST, 2.5)
        if tasks >= 10_000:
            report.claim(f"N = {tasks:,}: seconds", mine.median / 1000, Bound.AT_MOST, 3, "s")
            report.claim(f"N = {tasks:,}: peak memory", mine.peak_mb, Bound.AT_MOST, 300, "MB")

    def _far_database(self, report: Report) -> None:
        tasks = self._sizes.far_tasks
        url = make_url(self._url)
        with (
            answering_engine(tasks, ENDED_OF_TEN, ANSWER_SECONDS) as engine_url,
            slow_network("127.0.0.1", url.port or 3306, ROUND_TRIP_SECONDS / 2) as port,
            Worker(ours.make_sweep, self._url, engine_url, tasks) as near,
            Worker(ours.make_sweep, url.set(port=port).render_as_string(hide_password=False), engine_url, tasks) as far,
        ):
            measured = self._turn_about({"near": near, "far": far}, tasks, self._sizes.turns)
        table = report.table("database", "ms")
        table.add("on this machine", spread(measured["near"].milliseconds))
        table.add(f"{ROUND_TRIP_SECONDS * 1000:.0f} ms (round trip) away", spread(measured["far"].milliseconds))
        ratio = measured["far"].median / measured["near"].median
        report.claim(f"N = {tasks:,}, database 2 ms away: times as long", ratio, Bound.AT_MOST, 2)

    def _dead_engines(self, report: Report) -> None:
        for tasks in self._sizes.dead_tasks:
            self._rows.activate(tasks)
            for kind, engine in (("silent", silent_engine), ("refusing", refusing_engine)):
                with engine() as engine_url, Worker(ours.make_sweep, self._url, engine_url, tasks) as worker:
                    seconds = worker.turn().seconds
                report.claim(
                    f"{kind} engine, N = {tasks:,}: one sweep", seconds, Bound.AT_MOST, SWEEP_BUDGET_SECONDS + 0.5, "s"
                )
                if self._rows.ended():
                    raise RuntimeError(f"a {kind} engine has ended tasks")

    def _turn_about(
        self, workers: dict[str, Worker], tasks: int, turns: int, *, warm_up: bool = True
    ) -> dict[str, Measured]:
        measured: dict[str, list[Turn]] = {way: [] for way in workers}
        statements = dict.fromkeys(workers, 0)
        for number_of_turn in range(-1 if warm_up else 0, turns):
            for way, worker in workers.items():
                self._rows.activate(tasks)
                before = statements_sent(self._server)
                turn = worker.turn()
                statements[way] = statements_sent(self._server) - before
                self._check(way, turn, tasks)
                if number_of_turn >= 0:
                    measured[way].append(turn)
        return {way: Measured(measured[way], statements[way], measured[way][-1].answer[2]) for way in workers}

    def _check(self, way: str, turn: Turn, tasks: int) -> None:
        """A sweep that has not done its work has no time. Raises RuntimeError."""
        expected = (tasks, sum(number % 10 < ENDED_OF_TEN for number in range(1, tasks + 1)))
        seen = (*turn.answer[:2], self._rows.ended())
        if seen != (*expected, expected[1]):
            raise RuntimeError(f"{way} has looked at, changed and ended {seen} of {expected}")


@contextmanager
def silent_engine() -> Iterator[str]:
    """An engine that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def refusing_engine() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def measure(sizes: Sizes) -> Report:
    """Run the bench on a private MySQL, or what TANDEM_TEST_DATABASES names first."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as directory, private_server(Path(directory)) as server:
        url = server.create_database("tandem_bench")
        command.upgrade(alembic_config(url), "head")
        return SweepBench(url, sizes).run()


if __name__ == "__main__":
    sizes = SMOKE if smoke_wanted(__doc__) else Sizes()
    tell(lambda: measure(sizes))
