"""Moments as the contract writes them: milliseconds since 1970 inside, ISO-8601 in UTC without a zone outside."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """The wall clock now, in ms since 1970."""
    return time.time_ns() // 1_000_000


def iso_without_zone(moment_ms: int) -> str:
    """A moment as ``2025-08-19T08:14:55.123``: always UTC, never with an offset (engine-api: times have no zone)."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds")


def file_stamp(moment_ms: int) -> str:
    """A moment as ``yyyyMMdd_HHmmss`` in UTC, for file and directory names."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y%m%d_%H%M%S")
