"""Moments in time: always aware and in UTC, and never finer than the millisecond that the database keeps."""

from datetime import UTC, datetime


def to_millis(moment: datetime) -> datetime:
    """Cut to whole milliseconds: MySQL would round up otherwise, into the future."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def iso_utc(moment: datetime) -> str:
    """ISO 8601 with milliseconds and ``+00:00``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def iso_zulu(moment: datetime) -> str:
    """ISO 8601 with ``Z``: the only form that a Wait state of Step Functions takes."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970, as events and series carry them."""
    return round(moment.timestamp() * 1000)
