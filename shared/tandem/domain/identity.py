"""Whose something is, and what an id may look like. Compared exactly: case, accents and emoji differ."""

from dataclasses import dataclass

LONGEST_ID = 64
"""In characters, as the columns have them."""

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Owner:
    """A user in a namespace; every row belongs to one, and to another owner it does not exist."""

    user_id: str
    namespace: str


def error_of_id(value: object) -> str | None:
    """What is wrong with an id that came from outside, as a sentence; None for one that is valid.

    One rule for the API and for events: a load that an event starts can be named by every endpoint.
    """
    if not isinstance(value, str):
        return "must be a valid string"
    if not value:
        return "must not be empty"
    if len(value) > LONGEST_ID:
        return f"must have at most {LONGEST_ID} characters"
    if value != value.strip():
        return "must not begin or end with white space"
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        return "must not contain control characters"
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        return "must not contain half of a surrogate pair"
    return None
