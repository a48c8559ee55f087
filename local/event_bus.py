"""EventBridge: takes events from PutEvents and from AWS services, and delivers them to the template's rules.

moto accepts PutEvents and checks it, but delivers to SQS only; here the rules' targets are functions, queues and state
machines. What was accepted is in a journal until it is delivered: a stack that is killed delivers it after its next
start, again perhaps, as AWS may.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from moto.events.models import EventPattern, EventsBackend
from moto.sqs import sqs_backends
from moto.sqs.exceptions import QueueDoesNotExist
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local.event_journal import EventJournal
from local.functions import FunctionRuntime, Invocation, PayloadTooLarge, UnknownFunction
from local.replacements import Replacements
from local.resolve import ACCOUNT_ID, REGION
from local.template import Function, Rule, Target, Template
from local.timers import Timers

_log = logging.getLogger(__name__)

_PARALLEL_DELIVERIES = 32
# AWS retries an asynchronous invocation after one minute and then two; nobody waits that long locally.
_RETRY_DELAYS = (1.0, 2.0)


@dataclass(frozen=True)
class _ListeningRule:
    rule: Rule
    pattern: EventPattern


class EventBus:
    """All buses of the account: rules by bus, and deliveries in a pool of threads."""

    def __init__(self, template: Template, runtime: FunctionRuntime, timers: Timers, journal: EventJournal) -> None:
        self._template = template
        self._runtime = runtime
        self._timers = timers
        self._journal = journal
        self._earlier = journal.left()
        self._pool = ThreadPoolExecutor(_PARALLEL_DELIVERIES, thread_name_prefix="event-bus")
        self._open = True
        self._rules = [
            _ListeningRule(rule, EventPattern.load(json.dumps(rule.pattern)))
            for rule in template.rules
            if rule.pattern is not None and rule.enabled
        ]

    def listen(self, replacements: Replacements) -> None:
        """Lets moto's PutEvents pass on what it accepted."""
        put_events = EventsBackend.put_events

        def put_and_deliver(backend: Any, entries: Sequence[Mapping[str, Any]]) -> Any:
            answers = put_events(backend, entries)
            for entry, answer in zip(entries, answers, strict=True):
                if "EventId" in answer:
                    self.publish(_bus_name(entry), _event_of_entry(entry, answer["EventId"]))
            return answers

        replacements.replace(EventsBackend, "put_events", put_and_deliver)

    def publish(self, bus: str, event: Mapping[str, Any]) -> None:
        """Hands a whole event to every rule of the bus whose pattern matches it; returns at once."""
        for listening in self._rules:
            if listening.rule.bus == bus and listening.pattern.matches_event(dict(event)):
                for target in listening.rule.targets:
                    payload = _input(target, event)
                    number = self._journal.add(listening.rule.name, target.arn, payload)
                    self._begin(listening.rule, target, payload, partial(self._journal.remove, number))

    def resume(self) -> None:
        """Delivers what a stack that was killed or stopped had accepted before."""
        targets = {
            (listening.rule.name, target.arn): (listening.rule, target)
            for listening in self._rules
            for target in listening.rule.targets
        }
        for left in self._earlier:
            if (known := targets.get((left.rule, left.target_arn))) is None:
                _log.warning("rule %s has no target %s any more: its event is dropped", left.rule, left.target_arn)
                self._journal.remove(left.number)
            else:
                self._begin(*known, left.payload, partial(self._journal.remove, left.number))

    def deliver(self, rule: Rule, target: Target, event: Mapping[str, Any]) -> None:
        """Sends a schedule's event (or the target's constant Input) to one target; returns at once.

        It is not kept for a next stack: the schedule comes again.
        """
        self._begin(rule, target, _input(target, event), lambda: None)

    def close(self) -> None:
        """Takes no more deliveries and waits for those that have begun; what waits is left to the next stack."""
        self._open = False
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self, rule: Rule, target: Target, payload: Any, done: Callable[[], None]) -> None:
        if self._open:
            self._pool.submit(self._deliver, rule, target, payload, done)

    def _deliver(self, rule: Rule, target: Target, payload: Any, done: Callable[[], None]) -> None:
        """Calls ``done`` when nothing is left to do for this delivery."""
        service = target.arn.split(":")[2]
        try:
            if service == "lambda":
                self._invoke(target.arn, payload, 0, done)
                return
            if service == "sqs":
                send_to_queue(target.arn, json.dumps(payload))
            elif service == "states":
                backend = stepfunctions_parser_backends[ACCOUNT_ID][REGION]
                backend.start_execution(target.arn, str(uuid.uuid4()), json.dumps(payload))
            else:
                raise UnknownFunction(f"the local stack cannot deliver to {target.arn}")  # noqa: TRY301
        except Exception as exc:  # noqa: BLE001 - moto may raise anything
            # A delivery must not end silently: it goes to the rule's dead-letter queue, or onto the log.
            _log.exception("rule %s cannot deliver to %s", rule.name, target.arn)
            if target.dead_letter_arn:
                attributes = {"RULE_ARN": rule.arn, "TARGET_ARN": target.arn, "ERROR_MESSAGE": str(exc)}
                send_to_queue(target.dead_letter_arn, json.dumps(payload), attributes)
        done()

    def _invoke(self, arn: str, payload: Any, attempt: int, done: Callable[[], None]) -> None:
        """Lambda's asynchronous invocation: up to two retries, then the function's own dead-letter queue.

        As on AWS the rule's dead-letter queue is not for errors of the handler, only for what was not delivered.
        Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
        """
        function = self._template.function_by_arn(arn)
        if function is None:
            raise UnknownFunction(f"Function not found: {arn}")
        invocation = self._runtime.invoke(arn, payload)
        if invocation.function_error is not None and attempt < function.retry_attempts:
            delay = _RETRY_DELAYS[min(attempt, len(_RETRY_DELAYS) - 1)]
            self._timers.after(delay, lambda: self._retry(arn, payload, attempt + 1, done))
            return
        if invocation.function_error is not None:
            _log.error("%s failed %d times, its event is given up", function.logical_id, attempt + 1)
            self._give_up(function, payload, invocation, attempt + 1)
        done()

    def _retry(self, arn: str, payload: Any, attempt: int, done: Callable[[], None]) -> None:
        if self._open:
            self._pool.submit(self._invoke_logged, arn, payload, attempt, done)

    def _invoke_logged(self, arn: str, payload: Any, attempt: int, done: Callable[[], None]) -> None:
        try:
            self._invoke(arn, payload, attempt, done)
        except (UnknownFunction, PayloadTooLarge, QueueDoesNotExist):
            _log.exception("the event for %s is lost", arn)

    @staticmethod
    def _give_up(function: Function, payload: Any, invocation: Invocation, attempts: int) -> None:
        error = invocation.result()
        if function.dead_letter_arn:
            attributes = {
                "RequestID": error.get("requestId", ""),
                "ErrorCode": "200",
                "ErrorMessage": error["errorMessage"][:1024] or error["errorType"],
            }
            send_to_queue(function.dead_letter_arn, json.dumps(payload), attributes)
        if function.on_failure_arn:
            record = {
                "version": "1.0",
                "timestamp": dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "requestContext": {
                    "requestId": error.get("requestId", ""),
                    "functionArn": f"{function.arn}:$LATEST",
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": attempts,
                },
                "requestPayload": payload,
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "responsePayload": error,
            }
            send_to_queue(function.on_failure_arn, json.dumps(record))


def aws_event(
    source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = (), event_id: str | None = None
) -> dict[str, Any]:
    """An event in EventBridge's full shape, as of now (UTC, whole seconds as on AWS)."""
    return {
        "version": "0",
        "id": event_id or str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT_ID,
        "time": _iso(time.time()),
        "region": REGION,
        "resources": list(resources),
        "detail": dict(detail),
    }


def send_to_queue(arn: str, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """Sends a message with string attributes to a queue of this stack. Raises moto's QueueDoesNotExist."""
    sqs_backends[ACCOUNT_ID][REGION].send_message(
        arn.rsplit(":", 1)[-1],
        body,
        message_attributes={
            name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()
        },
    )


def _bus_name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("EventBusName") or "default").rsplit("/", 1)[-1]


def _event_of_entry(entry: Mapping[str, Any], event_id: str) -> dict[str, Any]:
    detail = json.loads(entry["Detail"])
    event = aws_event(entry["Source"], entry["DetailType"], detail, entry.get("Resources") or (), event_id)
    given = entry.get("Time")
    if isinstance(given, dt.datetime):
        event["time"] = _iso(given.timestamp())
    elif isinstance(given, int | float):
        event["time"] = _iso(given)
    elif given:
        event["time"] = str(given)
    return event


def _iso(epoch_seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch_seconds))


def _input(target: Target, event: Mapping[str, Any]) -> Any:
    if target.input is not None:
        return json.loads(target.input)
    part: Any = event
    for name in (target.input_path or "$").removeprefix("$").strip(".").split("."):
        if name:
            part = part.get(name) if isinstance(part, Mapping) else None
    return part
