"""When what happened in one run, from the platform's first event to the load's last sample (epoch seconds)."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunMoments:
    """``announced``: before PutEvents. ``task_created`` to ``jmeter_started``: as our rows and the engine's log say.

    ``window_heard``: when the platform had FaultWindowOpen; ``window_planned``: the first sample and the lead time.
    ``stop_asked``: before StopLoadTestTask was called.
    """

    announced: float
    task_created: float
    start_attempted: float
    jmeter_started: float
    first_sample: float
    window_planned: float
    window_heard: float
    stop_asked: float
    last_sample: float

    @property
    def our_share(self) -> float:
        """From the event to the first sample, without the time in which JMeter itself started."""
        return self.jmeter_started - self.announced

    @property
    def jmeters_start(self) -> float:
        return self.first_sample - self.jmeter_started

    @property
    def window_late(self) -> float:
        """By how much the window missed the planned moment; negative when it was early."""
        return self.window_heard - self.window_planned

    @property
    def stop_took(self) -> float:
        return self.last_sample - self.stop_asked


@dataclass(frozen=True, slots=True)
class Samples:
    """The begin of the first sample and the end of the last one in a result file (epoch seconds)."""

    first: float
    last: float


def samples_of(jtl: Path) -> Samples:
    """Read a result file as it is. Raises ValueError when it holds no sample."""
    with jtl.open(encoding="utf-8", newline="") as file:
        spans = [(int(row["timeStamp"]), int(row["elapsed"])) for row in csv.DictReader(file)]
    return Samples(min(start for start, _ in spans) / 1000, max(start + elapsed for start, elapsed in spans) / 1000)
