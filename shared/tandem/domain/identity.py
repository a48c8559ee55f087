"""Whose something is. Compared exactly: case, accents and emoji differ."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """A user in a namespace; every row belongs to one, and to another owner it does not exist."""

    user_id: str
    namespace: str
