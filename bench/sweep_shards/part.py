"""One copy of the function that sweeps a part, wired by bootstrap."""

from collections.abc import Callable
from datetime import UTC, datetime

from tandem.domain.limits import Limits
from tandem.domain.sweep_shard import SweepShard

from bench.sweep_tasks import ours


def make_part(database_url: str, engine_url: str) -> Callable[[int, int], int]:
    """One part of the sweep; it answers how many tasks it looked at."""
    application, _ = ours.make_application(database_url, engine_url, Limits())

    def part(number: int, of: int) -> int:
        return application.sync_tasks.shard(SweepShard(number, of, datetime.now(UTC))).looked_at

    return part
