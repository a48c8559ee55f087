"""Runs the state machine's own file under virtual time: no more of the States Language than that file uses.

Source: https://states-language.net/spec.html. A construct that is not known here raises, so that none is skipped.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Json = Any

# What names the state itself; everything else that a state holds must be known to whoever runs it.
_COMMON = {"Type", "Comment", "Next"}
_KNOWN = {
    "Task": {
        "Resource",
        "Parameters",
        "ResultSelector",
        "ResultPath",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
        "Retry",
        "Catch",
    },
    "Choice": {"Choices", "Default"},
    "Wait": {"TimestampPath"},
    "Pass": {"Result", "ResultPath"},
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
}
_FIS = "arn:aws:states:::aws-sdk:fis:"
_ANY_ERROR = "States.ALL"
_TIMEOUT = "States.Timeout"


class TaskError(Exception):
    """A task failed, by the name that ``ErrorEquals`` matches."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}")
        self.name = name
        self.cause = cause


class ExecutionFailed(Exception):
    """The execution ended FAILED."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class Surroundings(Protocol):
    """What an execution needs from outside; all times in seconds of the same clock."""

    def moment(self) -> float: ...

    def moment_of(self, timestamp: datetime) -> float: ...

    def wait_until(self, moment: float) -> None: ...

    def jitter(self) -> float:
        """A number between 0 and 1."""
        ...

    def invoke(self, function: str, payload: Json, until: float) -> Json:
        """Call a function. Raises TaskError, States.Timeout among them when ``until`` comes first."""
        ...

    def call_fis(self, action: str, parameters: Json) -> Json:
        """Call AWS FIS. Raises TaskError by the names of its errors."""
        ...

    def new_token(self) -> str: ...

    def wait_for_token(self, token: str, until: float) -> Json:
        """What the token is answered with. Raises TaskError States.Timeout."""
        ...


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a definition. ``execution_id`` is what ``$$.Execution.Id`` gives."""

    definition: Mapping[str, Json]
    execution_id: str
    around: Surroundings
    enter: Callable[[str], None]

    def run(self, given: Json) -> Json:
        """Go from state to state and give the output. Raises ExecutionFailed."""
        unknown = set(self.definition) - {"Comment", "StartAt", "TimeoutSeconds", "States"}
        if unknown:
            raise NotImplementedError(f"the interpreter does not know {sorted(unknown)}")
        name, data = self.definition["StartAt"], given
        while True:
            state = self.definition["States"][name]
            kind = state["Type"]
            unknown = set(state) - _KNOWN[kind] - _COMMON
            if unknown:
                raise NotImplementedError(f"{name}: the interpreter does not know {sorted(unknown)}")
            self.enter(name)
            match kind:
                case "Succeed":
                    return data
                case "Fail":
                    raise ExecutionFailed(state["Error"], state["Cause"])
                case "Pass":
                    name, data = state["Next"], put(data, state["ResultPath"], state["Result"])
                case "Wait":
                    moment = datetime.fromisoformat(look(data, state["TimestampPath"]))
                    self.around.wait_until(self.around.moment_of(moment))
                    name = state["Next"]
                case "Choice":
                    name = next((rule["Next"] for rule in state["Choices"] if _holds(rule, data)), state["Default"])
                case "Task":
                    name, data = self._task(state, data)

    def _task(self, state: Mapping[str, Json], data: Json) -> tuple[str, Json]:
        used: dict[int, int] = {}
        while True:
            try:
                result = self._attempt(state, data)
                return state["Next"], put(data, state["ResultPath"], result)
            except TaskError as error:
                delay = self._delay(state.get("Retry", []), error, used)
                if delay is None:
                    return _caught(state.get("Catch", []), error, data)
                self.around.wait_until(self.around.moment() + delay)

    def _attempt(self, state: Mapping[str, Json], data: Json) -> Json:
        seconds = look(data, state["TimeoutSecondsPath"]) if "TimeoutSecondsPath" in state else state["TimeoutSeconds"]
        until = self.around.moment() + seconds
        token = self.around.new_token()
        context = {"Execution": {"Id": self.execution_id}, "Task": {"Token": token}}
        parameters = fill(state["Parameters"], data, context)
        if state["Resource"].startswith(_FIS):
            answer = self.around.call_fis(state["Resource"].removeprefix(_FIS), parameters)
            return fill(state["ResultSelector"], answer, context)
        # The answer of a Lambda is JSON, whatever the handler made it of.
        answer = json.loads(json.dumps(self.around.invoke(parameters["FunctionName"], parameters["Payload"], until)))
        match state["Resource"]:
            case "arn:aws:states:::lambda:invoke":
                return fill(state["ResultSelector"], {"Payload": answer}, context)
            case "arn:aws:states:::lambda:invoke.waitForTaskToken":
                return self.around.wait_for_token(token, until)
            case resource:
                raise NotImplementedError(f"the interpreter does not know the resource {resource}")

    def _delay(self, retriers: list[Mapping[str, Json]], error: TaskError, used: dict[int, int]) -> float | None:
        for index, retrier in enumerate(retriers):
            if not _matches(retrier["ErrorEquals"], error):
                continue
            count = used.get(index, 0)
            if count >= retrier["MaxAttempts"]:
                return None
            used[index] = count + 1
            delay = float(retrier["IntervalSeconds"]) * float(retrier["BackoffRate"]) ** count
            delay = min(delay, float(retrier.get("MaxDelaySeconds", delay)))
            return delay * self.around.jitter() if retrier.get("JitterStrategy") == "FULL" else delay
        return None


def _caught(catchers: list[Mapping[str, Json]], error: TaskError, data: Json) -> tuple[str, Json]:
    for catcher in catchers:
        if _matches(catcher["ErrorEquals"], error):
            return catcher["Next"], put(data, catcher["ResultPath"], {"Error": error.name, "Cause": error.cause})
    raise ExecutionFailed(error.name, error.cause)


def _matches(wanted: list[str], error: TaskError) -> bool:
    return error.name in wanted or _ANY_ERROR in wanted or ("States.TaskFailed" in wanted and error.name != _TIMEOUT)


def _holds(rule: Mapping[str, Json], data: Json) -> bool:
    [operator] = set(rule) - {"Variable", "Next"}
    value = look(data, rule["Variable"])
    match operator:
        case "StringEquals":
            return isinstance(value, str) and value == rule[operator]
        case "BooleanEquals":
            return isinstance(value, bool) and value == rule[operator]
        case _:
            raise NotImplementedError(f"the interpreter does not know {operator}")


def look(data: Json, path: str) -> Json:
    """The value at a reference path such as ``$.run.next``; a missing one fails the execution, as on AWS."""
    value = data
    for part in path.removeprefix("$").strip(".").split("."):
        if part:
            try:
                value = value[part]
            except (KeyError, TypeError) as missing:
                raise ExecutionFailed("States.ParameterPathFailure", path) from missing
    return value


def put(data: Json, path: str, value: Json) -> Json:
    """``data`` with ``value`` at a reference path, such as ``$.run`` or ``$.run.next``."""
    name, _, rest = path.removeprefix("$.").partition(".")
    if not name:
        raise NotImplementedError(f"the interpreter does not know the result path {path}")
    inner = put(data.get(name, {}), f"$.{rest}", value) if rest else value
    return {**copy.deepcopy(data), name: inner}


def fill(template: Json, data: Json, context: Json) -> Json:
    """A payload template with its ``.$`` members filled in from the data, or from the context for ``$$``."""
    if not isinstance(template, dict):
        return template
    filled = {}
    for name, value in template.items():
        if name.endswith(".$"):
            source = look(context, value[1:]) if value.startswith("$$") else look(data, value)
            filled[name.removesuffix(".$")] = source
        else:
            filled[name] = fill(value, data, context)
    return filled
