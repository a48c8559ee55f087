"""Send what the outbox holds: at least once, and never twice on purpose."""

from datetime import timedelta

from tandem.domain.clock import Clock
from tandem.domain.errors import DatabaseUnavailable
from tandem.domain.limits import Limits
from tandem.domain.ports import Database, MessageSender
from tandem.telemetry import LogEvent, warn

MOST_BATCHES = 50
"""A bound on one call; what is due beyond it goes with the next."""


class DeliverMessages:
    """Called after every commit that wrote messages, and by the sweep for those that an earlier call lost."""

    def __init__(self, database: Database, sender: MessageSender, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._limits = limits

    def __call__(self) -> int:
        """Deliver what is due and return how many arrived. Never raises: what did not leave stays due.

        Batch after batch as long as whole ones arrive: a sweep that ends 1,000 tasks must not need ten more to tell.
        """
        delivered = 0
        for _ in range(MOST_BATCHES):
            arrived = self._one_batch()
            delivered += arrived
            if arrived < self._limits.message_batch:
                break
        return delivered

    def _one_batch(self) -> int:
        now = self._clock.now()
        again = now + timedelta(seconds=self._limits.message_retry)
        try:
            claimed = self._database.write(lambda uow: uow.outbox.claim(self._limits.message_batch, now, again))
            if not claimed:
                return 0
            arrived = self._sender.send(claimed)
            # If we die here the messages are sent again: consumers get each at least once.
            self._database.write(lambda uow: uow.outbox.remove(arrived))
        except DatabaseUnavailable as error:
            warn(LogEvent.MESSAGES_NOT_DELIVERED, reason=error.message)
            return 0
        if len(arrived) < len(claimed):
            warn(LogEvent.MESSAGES_NOT_DELIVERED, count=len(claimed) - len(arrived))
        return len(arrived)
