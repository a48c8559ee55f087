"""python -m bench.sweep_shards: 100,000 active tasks, swept in parts by the same code."""

import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from tandem.domain.sweep_shard import SweepShard

from bench.arguments import smoke_wanted, tell
from bench.report import Bound, Report, number, spread
from bench.sweep_shards.part import make_part
from bench.sweep_tasks.answering_engine import answering_engine
from bench.sweep_tasks.rows import Rows
from bench.worker import Worker
from tests.conftest import alembic_config
from tests.factories.mariadb import private_mariadb

ANSWER_SECONDS = 0.005
ENDED_OF_TEN = 1
TICK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Sizes:
    tasks: int = 100_000
    batch: int = 10_000


SMOKE = Sizes(tasks=600, batch=100)


def measure(sizes: Sizes) -> Report:
    """Sweep every part, one after the other, in a process that stands for one copy of the function."""
    parts = SweepShard.split(sizes.tasks, sizes.batch, datetime.now(UTC))
    report = Report(
        "Sweep in parts: past what one sweep does in its time (`bench.sweep_shards`)",
        f"{sizes.tasks:,} active tasks in MariaDB, of which a tenth have ended; one engine that answers every call "
        f"after {ANSWER_SECONDS * 1000:.0f} ms. On AWS the parts run side by side, each in a copy of its own; here one "
        "copy sweeps them one after the other, so its longest part stands for the whole, as long as database and "
        "engines carry them at once.",
    )
    with (
        tempfile.TemporaryDirectory(prefix="tandem-bench-") as directory,
        private_mariadb(Path(directory)) as url,
    ):
        command.upgrade(alembic_config(url), "head")
        with closing(Rows(url)) as rows, answering_engine(sizes.tasks, ENDED_OF_TEN, ANSWER_SECONDS) as engine_url:
            rows.fill(100)
            rows.activate(sizes.tasks)
            with Worker(make_part, url, engine_url) as worker:
                turns = [worker.turn(each.number, each.of) for each in parts]
            ended = rows.ended()
    looked_at = [turn.answer for turn in turns]
    expected = sum(each % 10 < ENDED_OF_TEN for each in range(1, sizes.tasks + 1))
    if (sum(looked_at), ended) != (sizes.tasks, expected):
        raise RuntimeError(f"{sum(looked_at)} of {sizes.tasks} were looked at, {ended} of {expected} ended")
    seconds = [turn.seconds for turn in turns]
    table = report.table("parts", "tasks a part", "ms a part", "all in one copy, s", "peak MB")
    table.add(
        str(len(parts)),
        f"{min(looked_at):,} - {max(looked_at):,}",
        spread([each * 1000 for each in seconds]),
        number(sum(seconds)),
        number(turns[-1].peak_bytes / 1e6),
    )
    report.claim(f"{sizes.tasks:,} tasks: the longest part", max(seconds), Bound.AT_MOST, TICK_SECONDS, "s")
    report.claim("tasks in the largest part", max(looked_at), Bound.AT_MOST, sizes.batch)
    report.claim("peak memory of a copy", turns[-1].peak_bytes / 1e6, Bound.AT_MOST, 300, "MB")
    return report


if __name__ == "__main__":
    sizes = SMOKE if smoke_wanted(__doc__) else Sizes()
    tell(lambda: measure(sizes))
