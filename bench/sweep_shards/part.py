"""One copy of the function that sweeps a part, wired by bootstrap."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from tandem.domain.limits import Limits
from tandem.domain.sweep_shard import SweepShard

from bench.sweep_tasks import ours


class Swept(NamedTuple):
    """What one part did: how many tasks it looked at, how many it changed, how many messages it handed on; and of how
    many the engine said nothing in time, which are left to the next turn.
    """

    looked_at: int
    changed: int
    delivered: int
    left: int


def make_part(database_url: str, engine_url: str) -> Callable[[int, int], Swept]:
    """One part of the sweep."""
    application, _ = ours.make_application(database_url, engine_url, Limits())

    def part(number: int, of: int) -> Swept:
        report = application.sync_tasks.shard(SweepShard(number, of, datetime.now(UTC)))
        return Swept(report.looked_at, report.changed, report.delivered, report.engine_silent)

    return part
