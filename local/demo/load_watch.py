"""Waiting while a load runs: asks for its task, follows its samples, shows both."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from local.demo.api import TandemApi
from local.demo.display import Display, Moment
from local.demo.failure import DemoFailure
from local.demo.live_samples import JtlFollower, LiveFigures, LiveWindow
from local.demo.stage import Stage

_ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")
_LOOK_SECONDS = 0.25
_ASK_SECONDS = 1.0

T = TypeVar("T")


class Shown(NamedTuple):
    """What the display says of a moment: phase, progress (0..1), what is waited for."""

    phase: str
    progress: float
    waits_for: str


class LoadWatch:
    """One task's load, from before its start to after its end."""

    def __init__(self, stage: Stage, api: TandemApi, display: Display, experiment_task_id: str) -> None:
        self._stage = stage
        self._api = api
        self._display = display
        self._experiment_task_id = experiment_task_id
        self._follower: JtlFollower | None = None
        self._window = LiveWindow()
        self._asked_at = 0.0
        self.task: Any = None
        """The task as last seen; None before there is one."""
        self.errors: Counter[str] = Counter()
        """How often each error was seen."""
        self.samples_seen = 0
        self.first_sample_at: float | None = None
        """When the first sample ended (epoch s)."""

    @property
    def figures(self) -> LiveFigures | None:
        """Those of the last seconds."""
        return self._window.figures(time.time())

    @property
    def samples_url(self) -> str | None:
        """Where the JTL is; None before the load has one."""
        path = None if self.task is None else self.task["resultPath"]
        return None if not path else f"{self._stage.engine_url}/{path}"

    @property
    def seconds_to_prove(self) -> float | None:
        """How long the traffic check (gate) still waits; None when the load is verified, or nobody knows."""
        gate = None if self.task is None else self.task.get("gate")
        if not gate or gate["provenAt"] is not None or gate["until"] is None:
            return None
        return max(0.0, datetime.fromisoformat(gate["until"]).timestamp() - time.time())

    def explained(self, reason: str) -> str:
        """A reason with the most frequent error, unless it names one, and where the samples are."""
        said = reason.rstrip(".")
        if not self.samples_seen:
            return said
        if self.errors and "Most frequent" not in said:
            [(error, count)] = self.errors.most_common(1)
            said += f". Most frequent: {error} ({count:,} of {self.samples_seen:,} requests)"
        return f"{said}. Samples: {self._stage.place_of(self.task['resultPath']) or self.samples_url}"

    @property
    def ended(self) -> bool:
        """Whether the task had ended when it was last asked for."""
        return self.task is not None and self.task["status"] in _ENDED

    def until(
        self, look: Callable[[], T | None], shown: Callable[[float], Shown], seconds: float, what: str, to_end: bool
    ) -> T:
        """Waits until `look` finds something, and shows the load; `shown` gets the seconds waited.

        Raises DemoFailure with `what` after `seconds`, or when the load ends although it is not waited for (`to_end`).
        """
        began = time.monotonic()
        with self._display.live():
            while True:
                self._stage.must_live()
                self._follow()
                if (found := look()) is not None:
                    return found
                if self.ended and not to_end:
                    raise DemoFailure(f"the load ended early, as {self.task['status']}: {self.task['errorMessage']}")
                waited = time.monotonic() - began
                if waited > seconds:
                    state = "there is no task" if self.task is None else f"the task is {self.task['status']}"
                    raise DemoFailure(f"{what} within {seconds:.0f} s; {state}")
                self._display.moment(Moment(*shown(waited), self.figures))
                time.sleep(_LOOK_SECONDS)

    def _follow(self) -> None:
        if time.monotonic() - self._asked_at >= _ASK_SECONDS:
            self._asked_at = time.monotonic()
            self.task = self._api.task(self._experiment_task_id)
        if self._follower is None and self.samples_url is not None:
            self._follower = JtlFollower(self._stage.client, self.samples_url)
        if self._follower is not None:
            samples = self._follower.poll()
            if samples and self.first_sample_at is None:
                self.first_sample_at = min(sample.end for sample in samples)
            self.samples_seen += len(samples)
            self.errors.update(sample.error for sample in samples if sample.failed)
            self._window.add(samples)
