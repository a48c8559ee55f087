"""moto's AWS services in this process, on a port for boto3, with what the template defines in them."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import moto.backends
from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda_simple.models import LambdaSimpleBackend, lambda_simple_backends
from moto.core.config import default_user_config
from moto.core.utils import get_service_model
from moto.events.models import events_backends
from moto.fis.models import fis_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from tandem_engine.request_guard import LOOPBACK_NAMES, refusal
from werkzeug.serving import make_server

from local import stepfunctions_patches
from local.event_bus import EventBus, aws_event
from local.fault_injection import FaultInjection
from local.functions import FunctionRuntime, UnknownFunction
from local.object_mirror import ObjectMirror
from local.queues import repair_queues
from local.replacements import Replacements
from local.resolve import ACCOUNT_ID, REGION
from local.schedules import Pace
from local.template import Secret, Template
from local.timers import Timers

_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/local"
# Step Functions leaves out input and output beyond this; https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
_LARGEST_IN_EVENT = 248 * 1024
_POLL_SECONDS = 0.1


class AwsServices:
    """moto with our repairs, served on an open socket; one at a time in a process, as its state is global."""

    def __init__(
        self, template: Template, runtime: FunctionRuntime, bus: EventBus, timers: Timers, wait_scale: float = 1.0
    ) -> None:
        self._fault_injection = FaultInjection(bus, timers)
        self._template = template
        self._runtime = runtime
        self._bus = bus
        self._wait_scale = wait_scale
        self._replacements = Replacements()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def start(self, listener: socket.socket, pace: Pace, mirror: ObjectMirror, pages: Collection[str]) -> None:
        """Empties moto, makes the template's resources, and serves; of all pages only those of ``pages``."""
        self._replacements.replace_items(
            default_user_config, {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
        )
        _forget_everything()
        self._replacements.replace(LambdaSimpleBackend, "invoke", self._lambda_invoke())
        repair_queues(self._replacements)
        stepfunctions_patches.install(self._replacements, self._runtime, self._publish_status, self._wait_scale)
        self._fault_injection.install(self._replacements)
        self._bus.listen(self._replacements)
        self._create_resources(pace)
        mirror.load()
        mirror.follow(self._replacements)
        # The level of werkzeug's own logger, which writes a line for each call.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        # moto lists its own directory, some 200 calls to the file system, for each request, and under a lock.
        modules = tuple(moto.backends.list_of_moto_modules())
        self._replacements.replace(moto.backends, "list_of_moto_modules", lambda: modules)
        # Loaded on the first call otherwise, and then by each of many first calls that come at once.
        for service in ("stepfunctions", "events", "sqs", "fis"):
            get_service_model(service)
        application = DomainDispatcherApplication(create_backend_app)
        host, port = listener.getsockname()[:2]
        self._server = make_server(
            host,
            port,
            _guarded(application, pages),
            threaded=True,
            request_handler=MotoRequestHandler,
            fd=listener.fileno(),
        )
        self._server.socket.listen(1024)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="aws", daemon=True
        )
        self._thread.start()

    def abandon_executions(self) -> None:
        """Ends what still runs in Step Functions, without events: its state dies with this process anyway."""
        for machine in stepfunctions_parser_backends[ACCOUNT_ID][REGION].state_machines:
            for execution in machine.executions:
                if execution.status == ExecutionStatus.RUNNING:
                    execution.ended = True
                    execution.exec_worker.env.set_stop(stop_date=None, error="", cause="the local stack stops")
                    stepfunctions_patches.release_waiters(execution)

    def close(self) -> None:
        """Serves no more and undoes the repairs."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join(timeout=5)
            self._server.server_close()
        self._replacements.close()

    def _lambda_invoke(self) -> Any:
        """boto3's lambda.invoke (and tasks that name a function's ARN), where moto would ask for Docker."""
        runtime = self._runtime

        def invoke(
            _backend: Any, function_name: str, _qualifier: Any, body: Any, _headers: Any, response_headers: Any
        ) -> bytes:
            try:
                invocation = runtime.invoke(function_name, body if isinstance(body, bytes) else (body or "{}").encode())
            except UnknownFunction as exc:
                raise UnknownFunctionException(function_name) from exc
            if invocation.function_error:
                response_headers["x-amz-function-error"] = invocation.function_error
            return invocation.payload

        return invoke

    def _create_resources(self, pace: Pace) -> None:
        """Makes buses, queues, buckets, secrets and state machines in moto, without going over HTTP."""
        events, queues = events_backends[ACCOUNT_ID][REGION], sqs_backends[ACCOUNT_ID][REGION]
        for bus in self._template.buses.values():
            if bus.name not in events.event_buses:
                events.create_event_bus(bus.name)
        for queue in self._template.queues.values():
            attributes = {
                "DelaySeconds": pace.delay(queue, self._template.rules),
                "VisibilityTimeout": queue.visibility_timeout,
                "MessageRetentionPeriod": queue.retention_seconds,
            }
            queues.create_queue(queue.name, region=REGION, **attributes)
        for queue in self._template.queues.values():
            if queue.dead_letter_arn:
                policy = {"deadLetterTargetArn": queue.dead_letter_arn, "maxReceiveCount": queue.max_receive_count}
                queues.set_queue_attributes(queue.name, {"RedrivePolicy": json.dumps(policy)})
        for bucket in self._template.buckets.values():
            s3_backends[ACCOUNT_ID]["aws"].create_bucket(bucket.name, REGION)
        for secret in self._template.secrets.values():
            _create_secret(secret)
        for machine in self._template.state_machines.values():
            stepfunctions_parser_backends[ACCOUNT_ID][REGION].create_state_machine(
                name=machine.name, definition=machine.definition, roleArn=_ROLE, sm_type="STANDARD"
            )

    def _publish_status(self, execution: Any) -> None:
        """Tells the default bus that an execution began or ended.

        Source: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
        """
        ended = execution.exec_status != ExecutionStatus.RUNNING
        succeeded = execution.exec_status == ExecutionStatus.SUCCEEDED
        given, output = execution.execution_input, json.dumps(execution.output) if succeeded else None
        fits = len(given.encode()) <= _LARGEST_IN_EVENT
        output_fits = output is None or len(output.encode()) <= _LARGEST_IN_EVENT
        detail = {
            "executionArn": execution.execution_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": execution.exec_status.value,
            "startDate": int(execution.start_date.timestamp() * 1000),
            "stopDate": int(execution.stop_date.timestamp() * 1000) if ended else None,
            "input": given if fits else None,
            "inputDetails": {"included": fits},
            "output": output if output_fits else None,
            "outputDetails": {"included": output_fits} if output is not None else None,
            "error": execution.error,
            "cause": execution.cause,
        }
        name = "Step Functions Execution Status Change"
        self._bus.publish("default", aws_event("aws.states", name, detail, [execution.execution_arn]))


def _guarded(application: Any, pages: Collection[str]) -> Any:
    """moto believes every signature and lets every page call: one of another site could put events on the bus."""

    def guarded(environment: dict[str, Any], start_response: Any) -> Any:
        reason = refusal(
            environment.get("HTTP_HOST", ""), environment.get("HTTP_ORIGIN"), LOOPBACK_NAMES, frozenset(pages)
        )
        if reason is None:
            return application(environment, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"Forbidden: {reason}".encode()]

    return guarded


def _forget_everything() -> None:
    """Empties the services that we use: moto's state belongs to the process and outlives a stack."""
    for backends in (
        events_backends,
        fis_backends,
        sqs_backends,
        secretsmanager_backends,
        stepfunctions_parser_backends,
        lambda_simple_backends,
    ):
        backends[ACCOUNT_ID][REGION].reset()
    s3_backends[ACCOUNT_ID]["aws"].reset()


def _create_secret(secret: Secret) -> None:
    text = secret.text
    if secret.generate is not None:
        length = int(secret.generate.get("PasswordLength", 32))
        password = base64.urlsafe_b64encode(os.urandom(length)).decode()[:length]
        document = json.loads(secret.generate.get("SecretStringTemplate", "{}"))
        key = secret.generate.get("GenerateStringKey")
        text = json.dumps({**document, key: password}) if key else password
    secretsmanager_backends[ACCOUNT_ID][REGION].create_secret(
        name=secret.name,
        secret_string=text if text is not None else "{}",
        secret_binary=None,
        description=None,
        tags=[],
        kms_key_id=None,
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )


def mirror_directory(state_directory: Path) -> Path:
    """Where the buckets' objects are kept between two runs of the stack."""
    return state_directory / "s3"
