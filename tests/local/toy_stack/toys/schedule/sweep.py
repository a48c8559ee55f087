"""Remembers when it was called, and how."""

import time
from typing import Any

from ..memory import CALLS


def handler(event: dict[str, Any], context: Any) -> None:
    CALLS.append(("sweep", {"at": time.monotonic(), "event": event}))
