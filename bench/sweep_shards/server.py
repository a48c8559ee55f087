"""What the server and the machine say of a sweep in parts, beside what the parts themselves say."""

import os
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, text
from tandem.adapters.database.tables import audit, outbox


class Locks(NamedTuple):
    """How often the server broke a circle of waits by undoing one transaction, and how often a row was waited for."""

    deadlocks: int
    waits: int

    def since(self, before: "Locks") -> "Locks":
        return Locks(self.deadlocks - before.deadlocks, self.waits - before.waits)


def locks_met(server: Engine) -> Locks:
    """Since the server was started."""
    with server.connect() as connection:
        counted: dict[str, str] = dict(connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Innodb%%'").tuples().all())
        if "Innodb_deadlocks" not in counted:
            # MySQL counts them elsewhere than MariaDB.
            deadlocks = text("SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'")
            counted["Innodb_deadlocks"] = connection.execute(deadlocks).scalar_one()
    return Locks(int(counted["Innodb_deadlocks"]), int(counted["Innodb_row_lock_waits"]))


def ends_written(server: Engine) -> dict[str, int]:
    """How many ends of tasks the story holds, of how many tasks, and how many messages nobody has handed on."""
    ends = f"SELECT COUNT(*), COUNT(DISTINCT task_id) FROM {audit.name} WHERE to_status = 'SUCCEEDED'"
    with server.connect() as connection:
        entries, tasks = connection.execute(text(ends)).one()
        left = connection.execute(text(f"SELECT COUNT(*) FROM {outbox.name}")).scalar_one()
    return {"ends in the story": entries, "tasks in the story": tasks, "messages left": left}


def busy_seconds() -> float:
    """Seconds that the processors of this machine have worked since it was started (Linux's /proc/stat)."""
    user, nice, system, _idle, _waiting, *interrupts = Path("/proc/stat").read_text(encoding="ascii").split()[1:9]
    return sum(map(int, (user, nice, system, *interrupts))) / os.sysconf("SC_CLK_TCK")
