"""Extra turns of the sync through the queue that also brings its second tick of a minute."""

import json
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.domain.sweep_shard import SweepShard
from tandem.domain.timestamps import iso_utc
from tandem.telemetry import LogEvent, warn

EXTRA_TURN = {"turn": "extra"}
"""The body of an extra tick; it asks for no further ones, or they would multiply."""

DELAYS_SECONDS = (9, 18)
"""Between two turns of the schedule, 30 s apart: a lost load is seen within 12 s."""

MOST_IN_A_BATCH = 10
"""What SQS takes at once."""


class SqsTicks:
    """The Ticks port. Without queues there are only the schedule's turns."""

    def __init__(self, clients: AwsClients, queue_url: str, shard_queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url
        self._shard_queue_url = shard_queue_url

    def soon(self) -> None:
        if not self._queue_url:
            return
        entries = [
            {"Id": str(delay), "MessageBody": json.dumps(EXTRA_TURN), "DelaySeconds": delay} for delay in DELAYS_SECONDS
        ]
        try:
            self._clients.sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)  # type: ignore[arg-type]
        except (BotoCoreError, ClientError) as trouble:
            warn(LogEvent.MESSAGES_NOT_DELIVERED, count=len(entries), reason=str(trouble))

    def split(self, shards: Sequence[SweepShard]) -> bool:
        """All parts or, as far as we know, none: what was sent before an error is swept, and the lease bounds it."""
        if not self._shard_queue_url:
            return False
        try:
            for first in range(0, len(shards), MOST_IN_A_BATCH):
                self._send(shards[first : first + MOST_IN_A_BATCH])
        except (BotoCoreError, ClientError) as trouble:
            warn(LogEvent.MESSAGES_NOT_DELIVERED, count=len(shards), reason=str(trouble))
            return False
        return True

    def _send(self, shards: Sequence[SweepShard]) -> None:
        entries = [
            {
                "Id": str(shard.number),
                "MessageBody": json.dumps(
                    {"shard": shard.number, "of": shard.of, "plannedAt": iso_utc(shard.planned_at)}
                ),
            }
            for shard in shards
        ]
        self._clients.sqs.send_message_batch(QueueUrl=self._shard_queue_url, Entries=entries)  # type: ignore[arg-type]
