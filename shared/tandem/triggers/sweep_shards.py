"""Messages of the queue that splits the sweep."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tandem.domain.sweep_shard import MOST_SHARDS, SweepShard
from tandem.telemetry import LogEvent
from tandem.triggers.queue_worker import queue_worker


class ShardMessage(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    shard: int = Field(ge=0, lt=MOST_SHARDS)
    of: int = Field(ge=1, le=MOST_SHARDS)
    planned_at: AwareDatetime

    @property
    def part(self) -> SweepShard:
        return SweepShard(self.shard, self.of, self.planned_at)


shard_worker = queue_worker(ShardMessage, LogEvent.SWEEP_SKIPPED)
