"""Runs the template's functions in this process as Lambda would: fresh imports, own context, limits, errors."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from local.lambda_context import LambdaContext
from local.template import Function, Template
from local.timers import Timers

_log = logging.getLogger(__name__)

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: payload of a synchronous invocation.
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024

Handler = Callable[[Any, LambdaContext], Any]


class FunctionLoadError(Exception):
    """Handlers that cannot be imported; the message lists every one of them."""


class UnknownFunction(Exception):
    """The template has no function of this name."""


class PayloadTooLarge(Exception):
    """The event is over Lambda's 6 MB."""


@dataclass(frozen=True)
class Invocation:
    """What an invocation answered: its JSON, and Lambda's `FunctionError` when the handler failed."""

    payload: bytes
    function_error: str | None = None

    def result(self) -> Any:
        """The answer (or the error document) as an object."""
        return json.loads(self.payload)


class FunctionRuntime:
    """Imports the handlers and invokes them, each invocation in a thread of its own.

    Lambda gives each invocation in flight a process of its own; here they share one, so handlers must not keep
    the state of a request in module or class attributes.
    """

    def __init__(self, template: Template, timers: Timers) -> None:
        self._template = template
        self._timers = timers
        self._handlers: dict[str, Handler] = {}
        self._cold_start = contextlib.ExitStack()
        self._in_flight = 0
        self._idle = threading.Condition()

    def prepare(self) -> None:
        """Makes the functions' code and layers importable, forgetting what an earlier stack imported of them."""
        self._cold_start.enter_context(_fresh_modules(self._template))

    def load(self) -> None:
        """Imports every handler, as a cold start does. Raises FunctionLoadError naming all that fail."""
        faults: list[str] = []
        for function in self._template.functions.values():
            try:
                self._handlers[function.name] = _import_handler(function)
            except Exception as exc:  # noqa: BLE001 - a handler's module may fail in any way; all are reported
                _log.debug("%s does not load", function.logical_id, exc_info=True)
                faults.append(f"{function.logical_id} ({function.module}.{function.attribute}): {exc!r}")
        if faults:
            raise FunctionLoadError("these handlers do not load:\n  " + "\n  ".join(faults))

    def close(self, timeout: float) -> bool:
        """Waits up to `timeout` seconds for invocations in flight; says whether all ended."""
        with self._idle:
            ended = self._idle.wait_for(lambda: self._in_flight == 0, timeout)
        self._cold_start.close()
        return ended

    def submit(self, name_or_arn: str, event: Any, request_id: str | None = None) -> Future[Invocation]:
        """Starts an invocation with an event that is copied through JSON, as over the wire.

        Raises UnknownFunction and PayloadTooLarge. The future never fails: a handler's error is in its result.
        """
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        function = self._template.function_by_arn(name_or_arn)
        if function is None or function.name not in self._handlers:
            raise UnknownFunction(f"Function not found: {name_or_arn}")
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge(f"{len(payload)} byte payload is too large for the Invoke operation (limit 6291456)")
        identifier = request_id or str(uuid.uuid4())
        answer: Future[Invocation] = Future()
        out_of_time = self._timers.after(function.timeout, lambda: _time_out(answer, function, identifier))
        with self._idle:
            self._in_flight += 1
        threading.Thread(
            target=self._run,
            args=(function, payload, identifier, answer, out_of_time.cancel),
            name=f"{function.logical_id}-{identifier[:8]}",
            daemon=True,
        ).start()
        return answer

    def invoke(self, name_or_arn: str, event: Any) -> Invocation:
        """As `submit`, but waits for the answer, at most for the function's Timeout."""
        return self.submit(name_or_arn, event).result()

    def _run(
        self,
        function: Function,
        payload: bytes,
        request_id: str,
        answer: Future[Invocation],
        cancel_timeout: Callable[[], None],
    ) -> None:
        started = time.monotonic()
        try:
            invocation = self._call(function, payload, request_id)
            cancel_timeout()
            if not _answer(answer, invocation):
                elapsed = time.monotonic() - started
                _log.warning("%s ended %.1f s after its start, too late", function.logical_id, elapsed)
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def _call(self, function: Function, payload: bytes, request_id: str) -> Invocation:
        context = LambdaContext(function.name, function.arn, function.memory_mb, function.timeout, request_id)
        try:
            result = self._handlers[function.name](json.loads(payload or b"{}"), context)
        except Exception as exc:  # noqa: BLE001
            # The boundary to the functions' code: Lambda turns every error into an error document, too.
            _log.exception("%s failed (request %s)", function.logical_id, request_id)
            return _failure(type(exc).__name__, str(exc), request_id)
        try:
            body = json.dumps(result).encode()
        except (TypeError, ValueError) as exc:
            _log.exception("%s answered what is no JSON", function.logical_id)
            return _failure("Runtime.MarshalError", f"Unable to marshal response: {exc}", request_id)
        if len(body) > MAX_PAYLOAD_BYTES:
            _log.error("%s answered %d bytes, over Lambda's 6 MB", function.logical_id, len(body))
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
            return _failure("Function.ResponseSizeTooLarge", message, request_id)
        return Invocation(body)


def _answer(answer: Future[Invocation], invocation: Invocation) -> bool:
    """Sets the result; false when the other side (the handler, its timeout, a caller that left) was first."""
    try:
        answer.set_result(invocation)
    except InvalidStateError:
        return False
    return True


def _failure(error_type: str, message: str, request_id: str) -> Invocation:
    document = {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": []}
    return Invocation(json.dumps(document).encode(), "Unhandled")


def _time_out(answer: Future[Invocation], function: Function, request_id: str) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    message = f"{moment} {request_id} Task timed out after {function.timeout:.2f} seconds"
    if _answer(answer, _failure("Sandbox.Timedout", message, request_id)):
        _log.error("%s: %s", function.logical_id, message)


def _import_handler(function: Function) -> Handler:
    handler = getattr(importlib.import_module(function.module), function.attribute)
    if not callable(handler):
        raise TypeError(f"{function.attribute} is not callable")
    return handler  # type: ignore[no-any-return]


@contextlib.contextmanager
def _fresh_modules(template: Template) -> Iterator[None]:
    """Puts the functions and layers on sys.path and forgets modules loaded from them; undoes both at the end.

    Functions read their settings once, at import: a second stack in this process must not meet the first one's.
    """
    root = template.path.parent.resolve()
    code_directories = ((root / function.code_uri).resolve() for function in template.functions.values())
    code = {*template.layer_directories, *code_directories}

    def loaded() -> dict[str, ModuleType]:
        return {
            name: module
            # A copy in one step: other threads import at the same time.
            for name, module in sys.modules.copy().items()
            if (file := getattr(module, "__file__", None)) and any(Path(file).is_relative_to(place) for place in code)
        }

    previous_path, set_aside = list(sys.path), loaded()
    for name in set_aside:
        del sys.modules[name]
    sys.path[:0] = [entry for entry in map(str, (root, *template.layer_directories)) if entry not in sys.path]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for name in loaded():
            del sys.modules[name]
        sys.modules.update(set_aside)
        sys.path[:] = previous_path
