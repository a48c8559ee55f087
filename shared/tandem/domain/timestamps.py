"""Moments in time: always aware and in UTC, and never finer than the millisecond that the database keeps."""

from datetime import UTC, datetime

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; one whose year in UTC would be 0 or 10000 becomes the first or last that there is."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST


def to_millis(moment: datetime) -> datetime:
    """Cut to whole milliseconds: MySQL would round up otherwise, into the future."""
    return in_utc(moment).replace(microsecond=moment.microsecond // 1000 * 1000)


def iso_utc(moment: datetime) -> str:
    """ISO 8601 with milliseconds and ``+00:00``."""
    return in_utc(moment).isoformat(timespec="milliseconds")


def iso_zulu(moment: datetime) -> str:
    """ISO 8601 with ``Z``: the only form that a Wait state of Step Functions takes."""
    return in_utc(moment).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970, as events and series carry them."""
    return round(moment.timestamp() * 1000)
