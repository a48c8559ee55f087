"""Extra turns of the sync through the queue that also brings its second tick of a minute."""

import json

from botocore.exceptions import BotoCoreError, ClientError

from tandem.adapters.aws.clients import AwsClients
from tandem.telemetry import LogEvent, warn

EXTRA_TURN = {"turn": "extra"}
"""The body of an extra tick; it asks for no further ones, or they would multiply."""

DELAYS_SECONDS = (9, 18)
"""Between two turns of the schedule, 30 s apart: a lost load is seen within 12 s."""


class SqsTicks:
    """The Ticks port. Without a queue there are only the schedule's turns."""

    def __init__(self, clients: AwsClients, queue_url: str) -> None:
        self._clients = clients
        self._queue_url = queue_url

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
