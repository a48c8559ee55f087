"""Leases: at most one holder of a name at a time, and none for ever."""

from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from tandem.adapters.database import tables


class SqlLeases:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def acquire(self, name: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take the lease when nobody holds it now; False when somebody does."""
        table = tables.lease
        free = or_(table.c.expires_at <= now, table.c.holder == holder)
        take = update(table).where(table.c.name == name, free).values(holder=holder, expires_at=until)
        if self._connection.execute(take).rowcount:
            return True
        if self._connection.execute(select(table.c.name).where(table.c.name == name)).first() is not None:
            return False
        self._connection.execute(insert(table).values(name=name, holder=holder, expires_at=until))
        return True

    def hold(self, name: str, now: datetime) -> None:
        """Wait until nobody else is inside a transaction that holds the name, and hold it until this one ends."""
        table = tables.lease
        touched = update(table).where(table.c.name == name).values(holder="", expires_at=now)
        if not self._connection.execute(touched).rowcount:
            self._connection.execute(insert(table).values(name=name, holder="", expires_at=now))

    def release(self, name: str, holder: str, now: datetime, *, done: bool) -> None:
        """Give the lease back, unless it went to somebody else meanwhile; ``done``: what it was taken for is done."""
        table = tables.lease
        mine = (table.c.name == name, table.c.holder == holder)
        values = {"holder": "", "expires_at": now} | ({"done_at": now} if done else {})
        self._connection.execute(update(table).where(*mine).values(**values))
