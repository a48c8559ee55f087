"""Time and ids as ports, so that tests can fix them."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present, aware, in UTC, cut to milliseconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """A fresh id: the prefix and 32 hexadecimal digits."""
        ...
