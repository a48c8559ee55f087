"""Leases: at most one holder of a name at a time, and none for ever."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from tandem.adapters.database import tables


class SqlLeases:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def acquire(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take the lease when nobody holds it now; False when somebody does."""
        table = tables.lease
        row = self._connection.execute(select(table).where(table.c.name == name).with_for_update()).one_or_none()
        if row is None:
            self._connection.execute(insert(table).values(name=name, holder=holder, expires_at=until))
            return True
        if row.expires_at > now and row.holder != holder:
            return False
        self._connection.execute(update(table).where(table.c.name == name).values(holder=holder, expires_at=until))
        return True

    def release(self, name: str, holder: str, now: datetime, *, done: bool) -> None:
        """Give the lease back, unless it went to somebody else meanwhile; ``done``: what it was taken for is done."""
        table = tables.lease
        mine = (table.c.name == name, table.c.holder == holder)
        values = {"holder": "", "expires_at": now} | ({"done_at": now} if done else {})
        self._connection.execute(update(table).where(*mine).values(**values))
