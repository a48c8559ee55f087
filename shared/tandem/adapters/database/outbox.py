"""Messages that have to leave the database, kept until they have arrived."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from tandem.adapters.database import tables
from tandem.adapters.database.documents import to_json
from tandem.domain.messages import Channel, Message
from tandem.domain.ports import StoredMessage


class SqlOutbox:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, messages: Sequence[Message], now: datetime) -> None:
        """Add messages in one statement; they are due at once."""
        if messages:
            values = [
                {
                    "channel": message.channel,
                    "topic": message.topic,
                    "body": to_json(message.body),
                    "gmt_create": now,
                    "due_at": now,
                }
                for message in messages
            ]
            self._connection.execute(insert(tables.outbox), values)

    def claim(self, limit: int, now: datetime, until: datetime) -> list[StoredMessage]:
        table = tables.outbox
        # SKIP LOCKED: two senders at once share the work instead of waiting for each other.
        due = select(table).where(table.c.due_at <= now).order_by(table.c.id).limit(limit)
        rows = self._connection.execute(due.with_for_update(skip_locked=True)).all()
        if rows:
            self._connection.execute(
                update(table)
                .where(table.c.id.in_([row.id for row in rows]))
                .values(due_at=until, attempts=table.c.attempts + 1)
            )
        return [
            StoredMessage(
                message_id=str(row.id),
                message=Message(Channel(row.channel), row.topic, json.loads(row.body)),
                attempts=row.attempts + 1,
            )
            for row in rows
        ]

    def remove(self, message_ids: Sequence[str]) -> None:
        if message_ids:
            table = tables.outbox
            self._connection.execute(delete(table).where(table.c.id.in_([int(each) for each in message_ids])))
