"""`make event`: puts the event of a file on the bus of a running stack, and says what came of it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx

from local.environment import aws_environment, process_environment
from local.settings import PROJECT, Settings
from local.template import LOCAL_BUS_NAME

_SAMPLES = PROJECT / "events"
_STARTING = "ExperimentStarting"
_ABOUT_A_RUN = ("ExperimentFinished", "FaultStateChanged")
_MOMENTS = ("faultStartedAt", "faultEndedAt")
_STALE = timedelta(hours=1)
_OUTCOME_SECONDS = 10.0
_POLL_SECONDS = 0.2
_FREE = ("NO_ENABLED_STRATEGY", "EVENT_REFUSED")
"""Types of the entry of an announced experiment whose id can still be used."""

Say = Callable[[str], None]


class EventFileError(Exception):
    """An event file that cannot be sent; the message says what is wrong with it."""


@dataclass(frozen=True)
class _Word:
    """What the API says of an experiment task: the type of its last event, and the message."""

    kind: str
    message: str
    at_ms: int


class EventSender:
    """Sends sample events so that they do something each time: an experiment task's id can be used once only."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self._api_url = f"http://127.0.0.1:{settings.api_port}"
        self._aws_url = f"http://127.0.0.1:{settings.aws_port}"
        self._given_ids = settings.state_directory / "sample_ids.json"
        self._say = say

    def send(self, file: Path) -> None:
        """Raises EventFileError."""
        event = read_event(file)
        detail: dict[str, Any] = dict(event["detail"])
        kind = event["detail-type"]
        if kind == _STARTING:
            self._renew_id(detail)
        elif kind in _ABOUT_A_RUN:
            self._follow_id(detail)
            if file.resolve().is_relative_to(_SAMPLES):
                self._renew_moments(detail)
        sent_at_ms = int(time.time() * 1000)
        identifier = self._put(file, event, detail)
        self._say(f"{kind} is on {LOCAL_BUS_NAME} as {identifier}")
        if kind == _STARTING:
            self._tell_outcome(detail, sent_at_ms)

    def _renew_id(self, detail: dict[str, Any]) -> None:
        own = detail.get("experimentTaskId")
        if not isinstance(own, str):
            return
        word = self._word_of(detail)
        if word is not None and word.kind not in _FREE:
            detail["experimentTaskId"] = f"{own[:50]}-{uuid.uuid4().hex[:8]}"
            self._say(f"the experiment task {own} has been there: this one is {detail['experimentTaskId']}")
        self._remember(own, detail["experimentTaskId"])

    def _follow_id(self, detail: dict[str, Any]) -> None:
        own = detail.get("experimentTaskId")
        given = self._remembered().get(own) if isinstance(own, str) else None
        if given is not None and given != own:
            detail["experimentTaskId"] = given
            self._say(f"for the experiment task {given}, the last one of {own}")

    def _renew_moments(self, detail: dict[str, Any]) -> None:
        """A sample file's moments are of the day on which it was written."""
        now = datetime.now(tz=UTC)
        for name in _MOMENTS:
            if name in detail and now - datetime.fromisoformat(detail[name]) > _STALE:
                detail[name] = now.isoformat()
                self._say(f"{name} is now, not that of the file: {detail[name]}")

    def _put(self, file: Path, event: dict[str, Any], detail: dict[str, Any]) -> str:
        entry: dict[str, Any] = {
            "EventBusName": LOCAL_BUS_NAME,
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(detail),
            "Resources": event.get("resources", []),
        }
        with process_environment(aws_environment(self._aws_url)):
            client: Any = boto3.client("events")
            try:
                answer = client.put_events(Entries=[entry])
            except Exception as error:
                raise EventFileError(
                    f"no local stack takes the event at {self._aws_url} (is `make up` running?): {error}"
                ) from error
        if answer["FailedEntryCount"]:
            raise EventFileError(f"the bus refused {file}: {answer['Entries'][0].get('ErrorMessage')}")
        return str(answer["Entries"][0]["EventId"])

    def _tell_outcome(self, detail: dict[str, Any], sent_at_ms: int) -> None:
        """Says what became of a start, as soon as the API shows it."""
        deadline = time.monotonic() + _OUTCOME_SECONDS
        # An entry of an earlier try stands there until this one is taken.
        while (word := self._word_of(detail)) is None or word.at_ms < sent_at_ms:
            if time.monotonic() > deadline:
                self._say(f"nothing is known of it after {_OUTCOME_SECONDS:.0f} s: look at the log of `make up`")
                return
            time.sleep(_POLL_SECONDS)
        if word.kind == "NO_ENABLED_STRATEGY":
            self._say(f"nothing runs: {word.message}")
            self._say("`make sample` makes a strategy for the experiment of events/experiment_starting.json")
        elif word.kind.startswith("TASK_"):
            self._say(f"the load of {detail['experimentTaskId']} starts: {self._api_url}/console")
        else:
            self._say(f"nothing runs: {word.message}")

    def _word_of(self, detail: dict[str, Any]) -> _Word | None:
        """None: the API knows nothing of it, or cannot be asked."""
        query = {"experimentTaskId": str(detail.get("experimentTaskId"))}
        if isinstance(detail.get("namespace"), str):
            query["namespace"] = detail["namespace"]
        try:
            headers = {"X-Local-User": str(detail.get("userId"))}
            answer = httpx.get(f"{self._api_url}/GetLoadTestEvents", params=query, headers=headers, trust_env=False)
            events = [json.loads(each) for each in answer.json()["result"]["events"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None
        ours = [each for each in events if str(each.get("type")).startswith("TASK_")] or events
        if not ours:
            return None
        last = ours[-1]
        return _Word(str(last["type"]), str(last.get("message")), int(last["ts"]))

    def _remembered(self) -> dict[str, str]:
        try:
            known = json.loads(self._given_ids.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _remember(self, own: str, given: str) -> None:
        known = {**self._remembered(), own: given}
        # The last hundred: a file of one's own may bring a new id each time.
        self._given_ids.parent.mkdir(parents=True, exist_ok=True)
        self._given_ids.write_text(json.dumps(dict(list(known.items())[-100:])), encoding="utf-8")


def read_event(file: Path) -> dict[str, Any]:
    """The event of a file. Raises EventFileError."""
    try:
        event = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise EventFileError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise EventFileError(f"{file} is no JSON: {error}") from error
    if not isinstance(event, dict):
        raise EventFileError(f"{file} holds no JSON object")
    for name, kind in (("source", str), ("detail-type", str), ("detail", dict)):
        if not isinstance(event.get(name), kind) or not event[name]:
            raise EventFileError(f"{file}: the event needs a {name} ({'text' if kind is str else 'an object'})")
    return event
