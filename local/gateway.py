"""API Gateway on this machine: serves the template's routes over HTTP and calls their functions."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import uuid
from collections.abc import Callable, Mapping

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.types import Receive, Scope, Send
from tandem_engine.request_guard import LOOPBACK_NAMES, refusal

from local.functions import FunctionRuntime, PayloadTooLarge, UnknownFunction
from local.gateway_event import MalformedAnswer, Request, Response, build_event, read_answer
from local.routing import RouteTable
from local.template import Template

_log = logging.getLogger(__name__)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_BODY_BYTES = 10 * 1024 * 1024
_INTEGRATION_SECONDS = 30.0
_HANDLERS_AT_ONCE = 64
_SHUTDOWN_SECONDS = 5
_CONSOLE = "/console"
_HEALTH_PATHS = ("/health", "/chaos/health")

Readiness = Callable[[], Mapping[str, str]]


class Gateway:
    """The HTTP server in a thread with an event loop of its own.

    `missing` names what the stack still lacks, and why; until it is empty `/health` answers 503 with it.
    """

    def __init__(self, template: Template, runtime: FunctionRuntime, missing: Readiness) -> None:
        self._template = template
        self._routes = RouteTable(template.routes)
        self._runtime = runtime
        self._missing = missing
        self._places = asyncio.Semaphore(_HANDLERS_AT_ONCE)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, listener: socket.socket) -> None:
        """Begins to serve on an open socket."""
        config = uvicorn.Config(
            self._application,
            log_config=None,
            access_log=False,
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            backlog=1024,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="gateway", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Takes no more connections, lets requests in flight end for some seconds, and returns."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_SHUTDOWN_SECONDS + 5)

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        http_request = HttpRequest(scope, receive)
        try:
            response = await self._respond(http_request)
        except ClientDisconnect:
            return
        answer = HttpResponse(response.body, response.status)
        for name, value in response.headers:
            answer.headers.append(name, value)
        await answer(scope, receive, send)

    async def _respond(self, http_request: HttpRequest) -> Response:
        request_id = str(uuid.uuid4())
        headers = http_request.headers
        if reason := refusal(headers.get("host", ""), headers.get("origin"), LOOPBACK_NAMES):
            # AWS has no such rule: there a request is signed, here a page of any site would be believed.
            return _message(403, f"Forbidden: {reason}", request_id)
        if http_request.url.path in _HEALTH_PATHS and (missing := dict(self._missing())):
            return _json(503, {"status": "STARTING", "missing": missing}, request_id)
        if http_request.scope["path"] == "/" and self._routes.find("GET", _CONSOLE) is not None:
            # Here alone: an API Gateway has no such page, and a person types the address that `make up` shows.
            return Response(302, b"", [("location", _CONSOLE), ("apigw-requestid", request_id)])
        found = self._routes.find(http_request.method, http_request.scope["path"])
        if found is None:
            return _message(404, "Not Found", request_id)
        body = await _read_body(http_request)
        if body is None:
            return _message(413, "Request Entity Too Large", request_id)
        route, parameters = found
        event = build_event(_request(http_request, body), route, parameters, request_id)
        function = self._template.functions[route.function]
        async with self._places:
            try:
                future = self._runtime.submit(function.name, event, request_id)
            except PayloadTooLarge:
                return _message(413, "Request Entity Too Large", request_id)
            except UnknownFunction:
                # The stack still starts: handlers are imported last.
                return _message(503, "Service Unavailable", request_id)
            try:
                invocation = await asyncio.wait_for(asyncio.wrap_future(future), _INTEGRATION_SECONDS)
            except TimeoutError:
                _log.warning("%s did not answer %s within 30 s", function.logical_id, route.key)
                return _message(503, "Service Unavailable", request_id)
        if invocation.function_error is not None:
            return _message(500, "Internal Server Error", request_id)
        try:
            response = read_answer(invocation.result())
        except MalformedAnswer as exc:
            _log.error("%s answered %s with what is no response: %s", function.logical_id, route.key, exc)
            return _message(500, "Internal Server Error", request_id)
        response.headers.append(("apigw-requestid", request_id))
        return response


def _request(http_request: HttpRequest, body: bytes) -> Request:
    scope = http_request.scope
    client = scope.get("client")
    return Request(
        method=http_request.method,
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body,
        source_ip=client[0] if client else "127.0.0.1",
        protocol=f"HTTP/{scope['http_version']}",
        host=http_request.headers.get("host", "localhost"),
    )


async def _read_body(http_request: HttpRequest) -> bytes | None:
    """The body, or None as soon as it is known to be over the limit."""
    declared = http_request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        return None
    parts: list[bytes] = []
    size = 0
    async for part in http_request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _message(status: int, text: str, request_id: str) -> Response:
    return _json(status, {"message": text}, request_id)


def _json(status: int, document: Mapping[str, object], request_id: str) -> Response:
    headers = [("content-type", "application/json"), ("apigw-requestid", request_id)]
    return Response(status, json.dumps(document).encode(), headers)
