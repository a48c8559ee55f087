"""The REST API: every endpoint of the contract, each answer but files and event streams in the envelope."""

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tandem_engine.capabilities import Capabilities
from tandem_engine.data_root import DataRoot
from tandem_engine.execution import Dashboard
from tandem_engine.execution_request import parse_request
from tandem_engine.executions import Executions
from tandem_engine.faults import BadArgument, EngineFault, Full, NotJson, Unauthorized, Unknown
from tandem_engine.file_answers import file_answer
from tandem_engine.limits import check_disk, check_heap, memory_of_machine
from tandem_engine.moments import now_ms
from tandem_engine.request_guard import LOOPBACK_NAMES, RequestGuard, is_loopback
from tandem_engine.run import Run, snapshot_event
from tandem_engine.settings import Settings, bytes_of_heap
from tandem_engine.uploads import Category, list_files, receive_upload

_log = logging.getLogger(__name__)

_LONGEST_BODY: Final = 1024 * 1024
_MOST_EVENTS: Final = 10_000
_RESULT_FILES: Final = ("results.jtl", "jmeter.log", "jmeter.out")


class Api:
    """The endpoints over one registry of executions."""

    def __init__(self, root: DataRoot, executions: Executions, settings: Settings, capabilities: Capabilities) -> None:
        self._root = root
        self._capabilities = capabilities
        self._executions = executions
        self._settings = settings
        self._most_heap = bytes_of_heap(settings.max_heap) if settings.max_heap else memory_of_machine()

    def application(self) -> ASGIApp:
        """The ASGI application."""
        routes = [
            Route("/api/files/upload/testplan", self.upload_testplan, methods=["POST"]),
            Route("/api/files/upload/data", self.upload_data, methods=["POST"]),
            Route("/api/files/upload", self.upload, methods=["POST"]),
            Route("/api/files/list", self.list_files),
            Route("/api/loadtest/start", self.start, methods=["POST"]),
            Route("/api/loadtest/stop/{execution_id}", self.stop, methods=["POST"]),
            Route("/api/loadtest/status/{execution_id}", self.status),
            Route("/api/loadtest/list", self.list_executions),
            Route("/api/loadtest/results/{execution_id}", self.results),
            Route("/api/loadtest/results/{execution_id}", self.delete_results, methods=["DELETE"]),
            Route("/api/loadtest/events/{execution_id}", self.events),
            Route("/api/loadtest/summary/{execution_id}", self.summary),
            Route("/api/loadtest/health", self.health),
            Route("/api/loadtest/capabilities", self.capabilities),
            Route("/api/metrics/stream/{execution_id}", self.metrics_stream),
            Route("/api/metrics/{execution_id}", self.metrics),
            Route("/results/{directory}/{name}", self.result_file),
            Route("/reports/{path:path}", self.report_file),
            Route("/uploads/{path:path}", self.uploaded_file),
        ]
        application = Starlette(
            routes=routes,
            exception_handlers={
                EngineFault: _answer_fault,
                HTTPException: _answer_http_exception,
                OSError: _answer_os_error,
                ClientDisconnect: _answer_disconnect,
                Exception: _answer_bug,
            },
        )
        # A path with a slash too many is unknown, not a redirect without an envelope.
        application.router.redirect_slashes = False
        token = self._settings.token
        inner = application if token is None else _BearerGate(application, token)
        return RequestGuard(inner, self._names(), lambda reason: _failure(403, reason))

    def _names(self) -> frozenset[str] | None:
        """By what names it may be called: on the loopback interface by that alone, elsewhere by any unless told."""
        if not self._settings.hosts and not is_loopback(self._settings.host):
            return None
        return LOOPBACK_NAMES.union(self._settings.hosts)

    async def upload_testplan(self, request: Request) -> Response:
        return await self._receive(request, Category.TESTPLAN)

    async def upload_data(self, request: Request) -> Response:
        return await self._receive(request, Category.DATA)

    async def upload(self, request: Request) -> Response:
        return await self._receive(request, None)

    async def list_files(self, _request: Request) -> Response:
        return _success(await run_in_threadpool(list_files, self._root))

    async def start(self, request: Request) -> Response:
        execution_request = parse_request(await _json_body(request), self._settings.default_heap)
        check_heap(execution_request.heap_size, execution_request.jvm_args, self._most_heap)
        check_disk(self._root.path, self._settings.min_free_bytes)
        run = await run_in_threadpool(self._executions.start, execution_request)
        return _success(run.execution.to_wire(), "execution started")

    async def stop(self, request: Request) -> Response:
        run = await run_in_threadpool(self._executions.stop, _id(request))
        # Waited for without a thread, and so that a caller who leaves does not disturb the others who wait.
        ended = asyncio.wrap_future(run.done)
        try:
            await asyncio.wait({ended})
        finally:
            ended.cancel()
        return _success(True, "execution stopped")

    async def status(self, request: Request) -> Response:
        return _success(self._run(request).execution.to_wire())

    async def list_executions(self, _request: Request) -> Response:
        return _success([run.execution.to_wire() for run in self._executions.newest()])

    async def results(self, request: Request) -> Response:
        execution = self._run(request).execution
        wire = execution.to_wire()
        has_report = execution.dashboard in (Dashboard.PENDING, Dashboard.READY)
        return _success(
            {name: wire[name] for name in ("executionId", "status", "resultPath", "reportPath", "logPath")}
            | {
                "resultUrl": f"/{wire['resultPath']}",
                "reportUrl": f"/{wire['reportPath']}/index.html" if has_report else None,
            }
        )

    async def delete_results(self, request: Request) -> Response:
        await run_in_threadpool(self._executions.delete, _id(request))
        return _success(True, "results deleted")

    async def events(self, request: Request) -> Response:
        run = self._run(request)
        text = request.query_params.get("tail") or "100"
        if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
            raise BadArgument("tail must be a whole number of at least 1")
        return _success(await run_in_threadpool(run.files.read_events, min(int(text), _MOST_EVENTS)))

    async def summary(self, request: Request) -> Response:
        run = self._run(request)
        if run.execution.summary is None:
            raise Unknown(f"the summary of execution {run.execution.execution_id} is computed when it ends")
        return _success(run.execution.summary)

    async def health(self, _request: Request) -> Response:
        return _success({"status": "UP", "timestamp": now_ms(), "runningTests": self._executions.running()})

    async def capabilities(self, _request: Request) -> Response:
        return _success(await run_in_threadpool(self._capabilities.to_wire))

    async def metrics(self, request: Request) -> Response:
        run = self._run(request)
        snapshot = run.snapshot()
        if snapshot is None:
            raise Unknown(f"execution {run.execution.execution_id} has no result file yet")
        return _success(snapshot)

    async def metrics_stream(self, request: Request) -> Response:
        run = self._run(request)
        return StreamingResponse(
            _snapshots(run),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )

    async def result_file(self, request: Request) -> Response:
        # The state of an execution lies beside its results and is nobody's business: properties can hold secrets.
        if request.path_params["name"] not in _RESULT_FILES:
            raise Unknown("there is no such file")
        return self._file(request, f"results/{request.path_params['directory']}/{request.path_params['name']}")

    async def report_file(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path.startswith("."):
            raise Unknown("there is no such file")
        return self._file(request, f"reports/{path}")

    async def uploaded_file(self, request: Request) -> Response:
        return self._file(request, f"uploads/{request.path_params['path']}")

    def _file(self, request: Request, relative: str) -> Response:
        top, _, rest = relative.partition("/")
        path = self._root.below(self._root.path / top, rest)
        if path is None:
            raise Unknown("there is no such file")
        return file_answer(request, path)

    def _run(self, request: Request) -> Run:
        return self._executions.find(_id(request))

    async def _receive(self, request: Request, category: Category | None) -> Response:
        limit = self._settings.max_upload_bytes
        # Some 4 KB for the multipart frame around the file.
        if _content_length(request) > limit + 4096:
            raise BadArgument(f"file is larger than {limit} bytes")
        content_type = request.headers.get("content-type", "")
        keep = request.query_params.get("keep", "true").lower() != "false"
        return _success(await receive_upload(self._root, content_type, request.stream(), limit, category, keep=keep))


async def _snapshots(run: Run) -> AsyncIterator[bytes]:
    """One MetricsSnapshot a second, and a last one when the run has ended."""
    ended = asyncio.wrap_future(run.done)
    try:
        while not run.done.done():
            yield snapshot_event(run.snapshot() or run.empty_snapshot())
            await asyncio.wait({ended}, timeout=1)
        yield snapshot_event(run.snapshot() or run.empty_snapshot())
    finally:
        ended.cancel()


class _BearerGate:
    """Lets only requests with the right bearer token through."""

    def __init__(self, application: ASGIApp, token: str) -> None:
        self._application = application
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if not hmac.compare_digest(given, self._expected):
                fault = Unauthorized("a bearer token is needed, and it must be the right one")
                await _failure(fault.status, str(fault), {"WWW-Authenticate": "Bearer"})(scope, receive, send)
                return
        await self._application(scope, receive, send)


def _id(request: Request) -> str:
    return str(request.path_params["execution_id"])


def _content_length(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


async def _json_body(request: Request) -> object:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise NotJson("the body must be JSON, and Content-Type must say application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise BadArgument(f"the body is larger than {_LONGEST_BODY} bytes")
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError) as fault:
        raise BadArgument(f"the body must be a JSON object in UTF-8: {fault}") from fault


def _success(data: Any, message: str | None = None) -> Response:
    return JSONResponse({"success": True, "message": message, "data": data, "error": None})


def _failure(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(
        {"success": False, "message": sentence, "data": None, "error": sentence}, status, headers=headers
    )


async def _answer_fault(_request: Request, fault: Exception) -> Response:
    status = fault.status if isinstance(fault, EngineFault) else 500
    headers = {"Retry-After": str(fault.retry_after)} if isinstance(fault, Full) else None
    return _failure(status, str(fault), headers)


async def _answer_http_exception(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    headers = dict(fault.headers) if isinstance(fault, HTTPException) and fault.headers else None
    match status:
        case 404:
            return _failure(404, f"there is nothing at {request.url.path[:200]}")
        case 405:
            return _failure(405, f"{request.method} is not a method of {request.url.path[:200]}", headers)
        case _:
            return _failure(status, str(fault), headers)


async def _answer_os_error(request: Request, fault: Exception) -> Response:
    _log.error("request failed", extra={"path": request.url.path, "fault": str(fault)})
    return _failure(500, f"the engine could not read or write its data: {fault}")


async def _answer_disconnect(_request: Request, _fault: Exception) -> Response:
    # Nobody reads it.
    return _failure(400, "the request was cut off")


async def _answer_bug(_request: Request, fault: Exception) -> Response:
    return _failure(500, f"the engine failed: {type(fault).__name__}")
