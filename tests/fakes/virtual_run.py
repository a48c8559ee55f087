"""A run of the trap engine: no process, only a clock; what it is and has sent follows from the time alone."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.fakes.engine_traps import Traps

JTL_HEADER = (
    "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,"
    "bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect\n"
)


@dataclass(frozen=True, slots=True)
class End:
    """When the load of a run ends (engine seconds), and the word that it ends with."""

    at: float
    word: str


@dataclass(slots=True)
class VirtualRun:
    """Times are epoch seconds of the engine's clock."""

    execution_id: str
    test_name: str | None
    plan_path: str
    description: str | None
    parameters: dict[str, object] | None
    started: float
    traps: Traps
    duration: float | None = None
    timeout: float = 3600.0
    threads: int = 1
    refused: str | None = None  # why it never ran (trap 12)
    stopped_at: float | None = None
    recovered_at: float | None = None  # told from disk since a restart
    recovered_word: str = ""
    load_killed_at: float | None = None
    forgotten_in_memory: bool = False
    events: list[dict[str, object]] = field(default_factory=list)

    @property
    def directory(self) -> str:
        return f"{datetime.fromtimestamp(self.started, UTC):%Y%m%d_%H%M%S}_{self.execution_id}"

    def natural_end(self) -> End:
        """What ends the load when nobody interferes."""
        ends = [End(math.inf if self.traps.timeout_is_ignored else self.started + self.timeout, "TIMEOUT")]
        if self.traps.dies_after_seconds is not None:
            ends.append(End(self.started + self.traps.dies_after_seconds, "FAILED"))
        if self.traps.completes_after_seconds is not None:
            ends.append(End(self.started + self.traps.completes_after_seconds, "COMPLETED"))
        if self.duration is not None:
            word = "STOPPED" if self.traps.duration_ends_as_stopped else "COMPLETED"
            ends.append(End(self.started + self.duration + self.traps.duration_slack_seconds, word))
        return min(ends, key=lambda end: end.at)

    def end(self) -> End:
        """What ends the load, with the stop and the kill that have come so far."""
        if self.refused is not None:
            return End(self.started, "FAILED")
        ends = [self.natural_end()]
        if self.stopped_at is not None:
            ends.append(End(self.stopped_at, "FAILED" if self.traps.stop_ends_as_failed else "STOPPED"))
        if self.load_killed_at is not None:
            ends.append(End(self.load_killed_at, "FAILED"))
        return min(ends, key=lambda end: end.at)

    def load_goes_on(self, now: float) -> bool:
        """Whether requests are being sent, whatever the engine tells."""
        return self.refused is None and self.started <= now < self.end().at

    def calls_itself_ended(self, now: float) -> bool:
        return self.recovered_at is not None or self.word(now) not in {"PENDING", "RUNNING"}

    def word(self, now: float) -> str:
        """The state that the engine would tell, without ``shown_status``."""
        if self.recovered_at is not None:
            return self.recovered_word
        end = self.end()
        if now < end.at:
            return "PENDING" if now < self.started + self.traps.pending_seconds else "RUNNING"
        if end.word == "STOPPED" and now < end.at + self.traps.failed_before_final_seconds:
            return "FAILED"
        if end.word == "COMPLETED" and self.stopped_at is not None and self.traps.stop_of_ended_is_ok:
            return "STOPPED"
        return end.word

    def told_end(self, now: float) -> float | None:
        """``endTime``: after a restart it is the time of the restart, not the end of the load."""
        if self.recovered_at is not None:
            return self.recovered_at
        end = self.end().at
        return end if now >= end else None

    def samples(self, now: float) -> int:
        if not self.traps.traffic or self.refused is not None:
            return 0
        sending = min(now, self.end().at) - self.started - self.traps.boot_seconds
        return max(0, int(sending * self.traps.throughput))

    def errors(self, now: float) -> int:
        until = self.traps.errors_until_seconds
        moment = now if until is None else min(now, self.started + until)
        return int(self.samples(moment) * self.traps.error_rate)

    def jtl(self, now: float) -> bytes:
        """A result file as JMeter writes it, as far as it has grown; every whole error turn is a failed row."""
        rows = [JTL_HEADER]
        rate = self.traps.error_rate
        for number in range(self.samples(now)):
            at = int((self.started + self.traps.boot_seconds + number / self.traps.throughput) * 1000)
            failed = int((number + 1) * rate) > int(number * rate)
            code, message, success = ("500", "Server Error", "false") if failed else ("200", "OK", "true")
            elapsed = 20 + number * 7 % 31
            rows.append(
                f"{at},{elapsed},Login,{code},{message},Thread Group 1-{number % self.threads + 1},text,{success},,788,"
                f"296,{self.threads},{self.threads},http://target.example/login,{elapsed - 1},0,3\n"
            )
        whole = "".join(rows).encode()
        return whole[: len(whole) // 4096 * 4096 or len(whole) - 9] if self.traps.jtl_cut_off else whole
