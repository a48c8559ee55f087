"""The real clock and real ids."""

import time
import uuid
from datetime import UTC, datetime

from tandem.domain.timestamps import to_millis


class SystemClock:
    def now(self) -> datetime:
        return to_millis(datetime.now(UTC))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class RandomIds:
    def new(self, prefix: str) -> str:
        return f"{prefix}{uuid.uuid4().hex}"
