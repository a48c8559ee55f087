"""What the bus has accepted and not yet delivered, on disk: a killed stack must not lose it, as AWS does not."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_KEPT_SECONDS = 6 * 3600
"""Lambda's default for the age of an asynchronous event; what is older is dropped.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
"""


@dataclass(frozen=True)
class Undelivered:
    """One event on its way to one target of one rule; ``number`` is its place in the journal."""

    number: int
    rule: str
    target_arn: str
    payload: Any


class EventJournal:
    """One SQLite file; safe for several threads. What is written survives the process, not the machine's power."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS undelivered (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL,"
            " rule TEXT NOT NULL, target_arn TEXT NOT NULL, payload TEXT NOT NULL)"
        )

    def add(self, rule: str, target_arn: str, payload: Any) -> int:
        """Remember a delivery before it begins; gives its number."""
        with self._lock:
            row = (time.time(), rule, target_arn, json.dumps(payload))
            written = self._connection.execute(
                "INSERT INTO undelivered (at, rule, target_arn, payload) VALUES (?, ?, ?, ?)", row
            )
            number = written.lastrowid
        if number is None:
            raise RuntimeError("SQLite gave no number to an inserted row")
        return number

    def remove(self, number: int) -> None:
        """Forget a delivery: it was done, or given up as AWS would."""
        with self._lock:
            self._connection.execute("DELETE FROM undelivered WHERE number = ?", (number,))

    def left(self) -> Sequence[Undelivered]:
        """What an earlier stack accepted and did not deliver, oldest first; what is too old is dropped."""
        with self._lock:
            self._connection.execute("DELETE FROM undelivered WHERE at < ?", (time.time() - LONGEST_KEPT_SECONDS,))
            rows = self._connection.execute(
                "SELECT number, rule, target_arn, payload FROM undelivered ORDER BY number"
            ).fetchall()
        return [Undelivered(number, rule, arn, json.loads(payload)) for number, rule, arn, payload in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
