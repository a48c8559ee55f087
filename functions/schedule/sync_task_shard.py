"""One part of a sweep that was split."""

from tandem.bootstrap import application
from tandem.triggers.sweep_shards import ShardMessage, shard_worker


@shard_worker
def handler(message: ShardMessage) -> None:
    report = application().sync_tasks.shard(message.part)
    if not report.skipped:
        application().meter.record({"SweepSeconds": report.seconds, "TasksSwept": report.looked_at})
