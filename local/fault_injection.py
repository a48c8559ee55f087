"""AWS FIS on one machine: moto keeps templates and experiments, and here they take their time and tell the bus.

An experiment goes through pending, initiating and running; its actions begin after those that they name in
`startAfter` and last as long as their parameter `duration` says (PT30S; one without takes no time). Nothing is broken
by them: what a fault does to your system, a local stack has to be told otherwise. Events, idempotent client tokens,
tags, stops and the times of the actions are as on AWS; targets, roles and stop conditions are not looked at.
Source: https://docs.aws.amazon.com/fis/latest/userguide/monitoring-eventbridge.html
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.utils import unix_time
from moto.fis.models import Experiment, FISBackend

from local.event_bus import EventBus, aws_event
from local.replacements import Replacements
from local.timers import Timers

# How long FIS takes to begin, and to roll back what it stops.
_BEGIN_SECONDS = 0.2
_STOP_SECONDS = 0.2
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_REASONS = {
    "pending": "Experiment is pending.",
    "initiating": "Experiment is initiating.",
    "running": "Experiment is running.",
    "completed": "Experiment completed.",
    "stopping": "Experiment is stopping.",
    "stopped": "Experiment halted by user.",
}
_ENDED = {"completed", "stopped", "failed"}


class FaultInjection:
    """Gives moto's experiments a course in time. `close` is that of the timers."""

    def __init__(self, bus: EventBus, timers: Timers) -> None:
        self._bus = bus
        self._timers = timers
        self._lock = threading.RLock()
        self._states: dict[str, str] = {}

    def install(self, replacements: Replacements) -> None:
        """Puts the course in the place of moto's own, which follows how often an experiment is looked at."""
        start, stop = FISBackend.start_experiment, FISBackend.stop_experiment

        def start_once(backend: Any, *args: Any, **options: Any) -> dict[str, Any]:
            with self._lock:
                answer = start(backend, *args, **options)
                if answer["id"] not in self._states:
                    self._enter(backend.experiments[answer["id"]], "pending")
                    self._later(_BEGIN_SECONDS, backend.experiments[answer["id"]], self._begin)
                return _shown(backend, answer["id"])

        def stop_begun(backend: Any, id: str) -> dict[str, Any]:  # noqa: A002 - moto's name
            with self._lock:
                stop(backend, id)
                if self._states[id] in _ENDED:
                    raise JsonRESTError("ValidationException", f"Experiment {id} has ended.")
                if self._states[id] != "stopping":
                    self._enter(backend.experiments[id], "stopping")
                    self._later(_STOP_SECONDS, backend.experiments[id], self._stop)
                return _shown(backend, id)

        replacements.replace(FISBackend, "start_experiment", start_once)
        replacements.replace(FISBackend, "stop_experiment", stop_begun)
        replacements.replace(Experiment, "_sync_state", lambda experiment: self._states.get(experiment.id, "pending"))
        replacements.replace(Experiment, "STATUS_REASONS", _REASONS)

    def _begin(self, experiment: Any) -> None:
        if self._states[experiment.id] != "pending":
            return
        self._enter(experiment, "initiating")
        self._enter(experiment, "running")
        ends = _course(experiment.actions)
        for name, (begins, lasts) in ends.items():
            self._later(begins, experiment, lambda each, name=name: self._begin_action(each, name))
            self._later(begins + lasts, experiment, lambda each, name=name: self._end_action(each, name, "completed"))
        longest = max((begins + lasts for begins, lasts in ends.values()), default=0.0)
        self._later(longest, experiment, self._complete)

    def _begin_action(self, experiment: Any, name: str) -> None:
        action = experiment.actions[name]
        if self._states[experiment.id] == "running" and "startTime" not in action:
            action["startTime"] = unix_time()
            action["state"] = {"status": "running", "reason": "Action is running."}

    def _end_action(self, experiment: Any, name: str, word: str) -> None:
        action = experiment.actions[name]
        if "startTime" in action and "endTime" not in action:
            action["endTime"] = unix_time()
            action["state"] = {"status": word, "reason": f"Action was {word}."}

    def _complete(self, experiment: Any) -> None:
        if self._states[experiment.id] == "running":
            self._end(experiment, "completed")

    def _stop(self, experiment: Any) -> None:
        self._end(experiment, "stopped")

    def _end(self, experiment: Any, word: str) -> None:
        for name in experiment.actions:
            self._end_action(experiment, name, word)
        experiment.end_time = unix_time()
        self._enter(experiment, word)

    def _later(self, seconds: float, experiment: Any, step: Any) -> None:
        def do() -> None:
            with self._lock:
                step(experiment)

        self._timers.after(seconds, do)

    def _enter(self, experiment: Any, word: str) -> None:
        """Changes the state and tells the default bus."""
        before = self._states.get(experiment.id)
        self._states[experiment.id] = word
        detail = {
            "experiment-id": experiment.id,
            "experiment-template-id": experiment.experiment_template_id,
            "new-state": {"status": word, "reason": _REASONS[word]},
            "old-state": {"status": before, "reason": _REASONS[before]} if before else None,
        }
        event = aws_event("aws.fis", "FIS Experiment State Change", detail, [experiment.arn])
        self._bus.publish("default", event)


def _shown(backend: Any, experiment_id: str) -> dict[str, Any]:
    experiment = backend.experiments[experiment_id]
    shown: dict[str, Any] = experiment.to_dict(tags=backend.tagger.get_tag_dict_for_resource(experiment.arn))
    return shown


def _course(actions: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """When each action begins, in seconds after the experiment, and how long it lasts. Circles begin at once."""
    found: dict[str, tuple[float, float]] = {}

    def end_of(name: str, above: tuple[str, ...]) -> float:
        if name in above or name not in actions:
            return 0.0
        if name not in found:
            begins = max((end_of(each, (*above, name)) for each in actions[name].get("startAfter") or ()), default=0.0)
            found[name] = (begins, seconds_of((actions[name].get("parameters") or {}).get("duration", "PT0S")))
        return sum(found[name])

    for name in actions:
        end_of(name, ())
    return found


def seconds_of(duration: str) -> float:
    """The seconds of an ISO 8601 duration of hours, minutes and seconds. Raises ValueError on another."""
    parts = _DURATION.fullmatch(duration)
    if parts is None or duration == "PT":
        raise ValueError(f"{duration!r} is no duration such as PT5M30S")
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return float(hours * 3600 + minutes * 60 + seconds)
