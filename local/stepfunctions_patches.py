"""What moto 5.2.5's Step Functions interpreter needs to run our state machine as AWS would.

Each function here is one repair, with the reason; none of them is needed on AWS. `install` puts them in place until
the given Replacements end.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.responses import EmptyResult
from moto.stepfunctions.exceptions import InvalidName
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_aws_sdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.parse import asl_parser
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from local.environment import FIS_ENDPOINT
from local.functions import FunctionRuntime, PayloadTooLarge, UnknownFunction
from local.replacements import Replacements
from local.resolve import REGION

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html, parameter `name`.
_FORBIDDEN_IN_NAMES = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
_LONGEST_NAME = 80
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_LONGEST_SLICE = 1.0
_LONGEST_START = 5.0

StatusListener = Callable[[Execution], None]


def install(
    replacements: Replacements, runtime: FunctionRuntime, on_status: StatusListener, wait_scale: float = 1.0
) -> None:
    """Puts all repairs in place. `on_status` hears of each execution that began or ended, once for each.

    `wait_scale` shortens Wait states and retry intervals (0.1: ten times faster); 1.0 is AWS's own pace.
    """
    _call_functions_directly(replacements, runtime)
    _share_clients(replacements)
    _parse_once(replacements)
    _begin_executions_whole(replacements, on_status)
    _end_executions_at_once(replacements, on_status)
    _wait_exactly(replacements, wait_scale)
    _repair_callbacks(replacements)
    _repair_sdk_integrations(replacements)


def _call_functions_directly(replacements: Replacements, runtime: FunctionRuntime) -> None:
    """Lambda tasks (`lambda:invoke`) call the handler here; moto's own only echoes its payload and never fails."""

    def invoke(parameters: dict[str, Any], region: str, state_credentials: Any) -> dict[str, Any]:
        try:
            invocation = runtime.invoke(parameters["FunctionName"], parameters.get("Payload", b"{}"))
        except (UnknownFunction, PayloadTooLarge) as exc:
            code, status = (
                ("ResourceNotFoundException", 404)
                if isinstance(exc, UnknownFunction)
                else ("RequestTooLargeException", 413)
            )
            response = {
                "Error": {"Code": code, "Message": str(exc)},
                "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": str(uuid.uuid4())},
            }
            raise ClientError(response, "Invoke") from exc  # type: ignore[arg-type]
        answer: dict[str, Any] = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": invocation.result()}
        if invocation.function_error:
            answer["FunctionError"] = invocation.function_error
        return answer

    replacements.replace(lambda_eval_utils, "_invoke_lambda_function", invoke)


class _SharedClients:
    """Stands for the module boto3 in moto's client factory, which makes a new client for every single task.

    That costs 10 ms a task, and boto3.client() is not safe in threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Any = boto3.session.Session()
        self._clients: dict[tuple[str, str, str | None], Any] = {}

    def client(self, *, service_name: str, region_name: str, config: Config, **options: Any) -> Any:
        if service_name == "fis" and os.environ.get(FIS_ENDPOINT):
            options["endpoint_url"] = os.environ[FIS_ENDPOINT]
        key = (service_name, region_name, options.get("endpoint_url"))
        with self._lock:
            if key not in self._clients:
                pooled = config.merge(Config(max_pool_connections=64))
                self._clients[key] = self._session.client(
                    service_name=service_name, region_name=region_name, config=pooled, **options
                )
            return self._clients[key]


def _share_clients(replacements: Replacements) -> None:
    replacements.replace(boto_client, "boto3", _SharedClients())


def _parse_once(replacements: Replacements) -> None:
    """Each execution parsed the whole definition anew, and each state each of its JSONPaths: 0.1 s and 8 ms of CPU.

    Both are kept. What is parsed holds no state of an execution but one: the key under which a component stores
    such state in the execution's environment. moto makes it on first use, which threads would race for.
    """
    programs: dict[str, Any] = {}
    lock = threading.Lock()
    parse = asl_parser.AmazonStateLanguageParser.parse

    def parse_definition_once(definition: str) -> Any:
        # Under a lock also since moto's preprocessor shares a class-level list between threads.
        with lock:
            if definition not in programs:
                programs[definition] = parse(definition)
            return programs[definition]

    replacements.replace(asl_parser.AmazonStateLanguageParser, "parse", staticmethod(parse_definition_once))
    replacements.replace(EvalComponent, "heap_key", property(lambda self: f"component-{id(self)}"))
    for module in (json_path, result_path):
        replacements.replace(module, "parse", functools.lru_cache(maxsize=4096)(module.parse))


def _begin_executions_whole(replacements: Replacements, on_status: StatusListener) -> None:
    """An execution is RUNNING and has its environment from the moment at which others can see it.

    moto lists an execution before it has a status, and starts it before it has an environment: any call meanwhile
    (SendTaskSuccess for another execution, say) failed with AttributeError. Starting is also made one at a time, as
    moto's check for the same name would let two through; and names are checked, which only AWS did.
    """
    lock = threading.Lock()
    begin = replacements.replace(Execution, "__init__", None)
    begin_worker = replacements.replace(ExecutionWorker, "__init__", None)
    make_environment = ExecutionWorker._get_evaluation_environment
    start_execution = StepFunctionsParserBackend.start_execution

    def begin_running(self: Any, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        self.end_lock = threading.Lock()
        self.ended = False
        self.exec_worker = self._get_start_execution_worker()
        self.exec_status = ExecutionStatus.RUNNING

    def begin_worker_with_environment(self: Any, *args: Any, **options: Any) -> None:
        begin_worker(self, *args, **options)
        self.env = make_environment(self)

    def start_worker(self: Any) -> None:
        on_status(self)
        self.exec_worker.start()

    def start_one_at_a_time(
        self: Any, state_machine_arn: str, name: str | None = None, *args: Any, **options: Any
    ) -> Any:
        chosen = name or str(uuid.uuid4())
        if len(chosen) > _LONGEST_NAME or _FORBIDDEN_IN_NAMES.search(chosen):
            raise InvalidName(f"Invalid Name: '{chosen}'")
        with lock:
            return start_execution(self, state_machine_arn, chosen, *args, **options)

    replacements.replace(Execution, "__init__", begin_running)
    replacements.replace(ExecutionWorker, "__init__", begin_worker_with_environment)
    replacements.replace(ExecutionWorker, "_get_evaluation_environment", lambda self: self.env)
    replacements.replace(Execution, "start", start_worker)
    replacements.replace(StepFunctionsParserBackend, "start_execution", start_one_at_a_time)


def _end_executions_at_once(replacements: Replacements, on_status: StatusListener) -> None:
    """StopExecution aborts also what waits for a task token or has not yet begun, and shows at once.

    moto left a stopped waiter waiting, let an error that followed overwrite the stop, and answered without a date.
    """
    stop = Execution.stop
    set_error = Environment.set_error
    reflect = BaseExecutionWorkerCommunication._reflect_execution_status

    def end(execution: Any) -> None:
        with execution.end_lock:
            if execution.ended:
                return
            execution.ended = True
            reflect(execution.exec_worker._execution_communication)
        release_waiters(execution)
        on_status(execution)

    def stop_and_show(self: Any, **options: Any) -> None:
        deadline = time.monotonic() + _LONGEST_START
        while self.exec_worker.env.program_state() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        stop(self, **options)
        if isinstance(self.exec_worker.env.program_state(), ProgramStopped):
            end(self)

    def keep_stopped(self: Any, error: Any) -> None:
        if not isinstance(self._program_state, ProgramStopped):
            set_error(self, error)

    replacements.replace(Execution, "stop", stop_and_show)
    replacements.replace(Environment, "set_error", keep_stopped)
    replacements.replace(BaseExecutionWorkerCommunication, "terminated", lambda self: end(self.execution))


def release_waiters(execution: Any) -> None:
    """Wakes whatever thread of the execution waits for a task token."""
    for endpoint in list(execution.exec_worker.env.callback_pool_manager._pool.values()):
        endpoint.interrupt_all()


def _wait_exactly(replacements: Replacements, scale: float) -> None:
    """Wait states end on time: moto cuts a timestamp to whole seconds (early by up to one), counts waited seconds
    in whole ones (late by up to one), takes UTC for local time and knows no offsets."""

    def wait(self: Any, env: Any, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds * scale
        while env.is_running() and (left := deadline - time.monotonic()) > 0:
            env.program_state_event.wait(min(left, _LONGEST_SLICE))

    def parse(timestamp: Any) -> dt.datetime | None:
        if not isinstance(timestamp, str) or not _RFC3339.fullmatch(timestamp):
            return None
        try:
            return dt.datetime.fromisoformat(timestamp)
        except ValueError:
            return None

    def seconds_left(self: Any, env: Any) -> float:
        self.string.eval(env=env)
        text = env.stack.pop()
        moment = parse(text)
        if moment is None:
            raise timestamp_fault(self, env, text)
        return (moment - dt.datetime.now(tz=dt.UTC)).total_seconds()

    def timestamp_fault(self: Any, env: Any, text: Any) -> Exception:
        from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException

        return FailureEventException(self._create_failure_event(env, text))  # type: ignore[no-any-return]

    class ScaledTime:
        """Stands for the module time in moto's retrier, which sleeps with it and nothing else."""

        @staticmethod
        def sleep(seconds: float) -> None:
            time.sleep(seconds * scale)

    replacements.replace(WaitFunction, "_wait_interval", wait)
    replacements.replace(Timestamp, "_from_timestamp_string", staticmethod(parse))
    replacements.replace(Timestamp, "_get_wait_seconds", seconds_left)
    replacements.replace(retrier_decl, "time", ScaledTime)


def _repair_callbacks(replacements: Replacements) -> None:
    """A task token that was answered before the wait for heartbeats began is answered; SendTaskFailure keeps its
    cause; a heartbeat on a task without HeartbeatSeconds is accepted, as on AWS."""
    wait_with_heartbeat = StateTaskServiceCallback._wait_for_task_token_heartbeat
    notify_heartbeat = CallbackEndpoint.notify_heartbeat

    def wait(self: Any, env: Any, callback_endpoint: Any, heartbeat_endpoint: Any) -> Any:
        return callback_endpoint.get_outcome() or wait_with_heartbeat(self, env, callback_endpoint, heartbeat_endpoint)

    def send_task_failure(self: Any) -> Any:
        token, error, cause = (self._get_param(name) for name in ("taskToken", "error", "cause"))
        self.stepfunction_backend.send_task_failure(token, error=error, cause=cause)
        return EmptyResult()

    replacements.replace(StateTaskServiceCallback, "_wait_for_task_token_heartbeat", wait)
    replacements.replace(StepFunctionResponse, "send_task_failure", send_task_failure)
    replacements.replace(CallbackEndpoint, "notify_heartbeat", lambda self: notify_heartbeat(self) or True)


def _repair_sdk_integrations(replacements: Replacements) -> None:
    """`aws-sdk:*` tasks take and give PascalCase as on AWS, with times as text, and know FIS and EventBridge."""
    service = state_task_service_aws_sdk.StateTaskServiceAwsSdk

    def shape(self: Any, service_name: str | None, action: str | None, kind: str) -> Any:
        client = boto_client.boto_client_for(REGION, self._get_boto_service_name(service_name))
        operation = client.meta.method_to_api_mapping[self._get_boto_service_action(action)]
        return getattr(client.meta.service_model.operation_model(operation), kind)

    def normalise_parameters(
        self: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        if found := shape(self, boto_service_name, service_action_name, "input_shape"):
            self._to_boto_request(parameters, found)

    def normalise_response(
        self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        if found := shape(self, boto_service_name, service_action_name, "output_shape"):
            self._from_boto_response(response, found)
        plain = json.loads(to_json_str(response))
        response.clear()
        response.update(plain)

    replacements.replace(service, "_normalise_parameters", normalise_parameters)
    replacements.replace(service, "_normalise_response", normalise_response)
    replacements.replace_items(state_task_service_aws_sdk._SERVICE_ERROR_NAMES, {"fis": "Fis"})
    replacements.replace_items(
        state_task_service.StateTaskService._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES, {"eventbridge": "events"}
    )
