"""``LoadEngine`` over HTTP: the client of a deployed engine, with every trap of its API in mind."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import quote

from tandem.adapters.engine.answer import Answer, data_of, error_of, says_state_forbids, says_unknown, turns_away
from tandem.adapters.engine.multipart import FilePart
from tandem.adapters.engine.result_path import dashboard_target, result_file_target
from tandem.adapters.engine.settings import EngineSettings
from tandem.adapters.engine.transport import LARGE_ANSWER_BYTES, Transport
from tandem.adapters.engine.wire import (
    CapabilitiesWire,
    MetricsWire,
    ResultsWire,
    RunWire,
    UploadWire,
    read,
    read_events,
    read_runs,
    relative_to_data_root,
    start_body,
)
from tandem.domain.engine_capabilities import EngineCapabilities
from tandem.domain.errors import DashboardPending, EngineAnsweredWrongly, EngineError, EngineRefused
from tandem.domain.live_metrics import LiveMetrics
from tandem.domain.load_engine import (
    Deletion,
    EngineEvent,
    EngineResults,
    EngineRun,
    StartLoad,
    StatusAnswer,
    StopAnswer,
    Survey,
)

_JSON = {"Content-Type": "application/json"}
_FOR_ONE_START = "?keep=false"
"""Our engine keeps such a file until a start has taken it; others do not read this, and keep it for good."""


class HttpLoadEngine:
    """A ``LoadEngine``. Safe for several threads; makes no connection before the first call."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._transport = Transport(settings)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._transport.close()

    def upload_plan(self, file_name: str, content: Iterable[bytes]) -> str:
        """Stream a test plan to the engine; answers its path as a start takes it."""
        stored = self._upload(
            f"/api/files/upload/testplan{_FOR_ONE_START}", "uploading a test plan", file_name, content
        )
        return relative_to_data_root(stored)

    def upload_data_file(self, file_name: str, content: Iterable[bytes]) -> str:
        """Stream a data file to the engine; answers its absolute path there, as a plan refers to it."""
        return self._upload(f"/api/files/upload/data{_FOR_ONE_START}", "uploading a data file", file_name, content)

    def start(self, request: StartLoad) -> EngineRun:
        """Start a load, once. After errors other than ``EngineRefused`` and ``EngineUnavailable`` it may run."""
        doing = "starting a load"
        answer = self._transport.write(
            "/api/loadtest/start",
            doing,
            body=start_body(request),
            headers=_JSON,
            call_seconds=self._settings.start_call_seconds,
        )
        return read(RunWire, data_of(answer, doing), doing).to_run(self._settings.zone)

    def stop(self, execution_id: str) -> StopAnswer:
        """Stop a run, waiting up to ``stop_call_seconds``; safe to repeat after any error."""
        doing = "stopping a load"
        answer = self._transport.write(
            f"/api/loadtest/stop/{_segment(execution_id)}", doing, call_seconds=self._settings.stop_call_seconds
        )
        if says_unknown(answer) or says_state_forbids(answer):
            return StopAnswer.ALREADY_ENDED_OR_UNKNOWN
        if answer.status in {400, 404}:
            raise EngineAnsweredWrongly(f"the answer {answer.status} to {doing} does not come from the engine")
        if data_of(answer, doing) is False:
            raise EngineAnsweredWrongly(f"the engine's answer to {doing} is false")
        return StopAnswer.STOPPED

    def status(self, execution_id: str) -> EngineRun | None:
        """The run, or ``None`` when the engine itself says 404."""
        path = f"/api/loadtest/status/{_segment(execution_id)}"
        answer = self._transport.read(path, _STATUS, call_seconds=self._settings.status_call_seconds)
        return self._run_of(answer, execution_id)

    def list_runs(self) -> Sequence[EngineRun]:
        """The engine's runs, newest first, at most 500."""
        return self._list_runs(self._settings.read_call_seconds)

    def survey(self, execution_ids: Sequence[str], budget_seconds: float) -> Survey:
        """The state of many runs within ``budget_seconds``: one list, then what it did not hold, side by side by id."""
        until = time.monotonic() + budget_seconds
        wanted = dict.fromkeys(execution_ids)
        listed: Sequence[EngineRun] | None = None
        list_error: EngineError | None = None
        # A list that hangs must leave time for the rest: it gets a third of the budget.
        seconds = min(self._settings.read_call_seconds, budget_seconds / 3)
        try:
            listed = self._list_runs(seconds)
        except EngineError as error:
            list_error = error
        known = {run.execution_id: run for run in reversed(listed or ())}
        answers: dict[str, StatusAnswer] = {key: known[key] for key in wanted if key in known}
        missing = [key for key in wanted if key not in answers]
        if missing:
            answers.update(self._ask_each(missing, until, after=list_error))
        return Survey(answers, listed)

    def metrics(self, execution_id: str) -> LiveMetrics | None:
        """The latest snapshot, or ``None`` when the engine itself says 404."""
        doing = "reading metrics"
        answer = self._transport.read(f"/api/metrics/{_segment(execution_id)}", doing)
        if says_unknown(answer):
            return None
        return read(MetricsWire, data_of(answer, doing), doing).to_metrics()

    def events(self, execution_id: str, tail: int) -> Sequence[EngineEvent]:
        """The last ``tail`` events, ascending in time; empty when the engine does not know the run."""
        doing = "reading events"
        path = f"/api/loadtest/events/{_segment(execution_id)}?tail={tail:d}"
        answer = self._transport.read(path, doing, limit=LARGE_ANSWER_BYTES)
        return [] if says_unknown(answer) else read_events(data_of(answer, doing))

    def results(self, execution_id: str) -> EngineResults | None:
        """Where the results are, or ``None`` when the engine itself says 404."""
        doing = "reading where the results are"
        answer = self._transport.read(f"/api/loadtest/results/{_segment(execution_id)}", doing)
        if says_unknown(answer):
            return None
        return read(ResultsWire, data_of(answer, doing), doing).to_results(self._settings.base_url)

    @contextmanager
    def open_result_file(self, result_path: str) -> Iterator[Iterator[bytes]]:
        """Stream a result file. Raises ``EngineRefused`` when there is none, and while reading what cuts it off."""
        doing = "reading a result file"
        with self._transport.stream(result_file_target(result_path), doing) as (answer, pieces):
            error = error_of(answer, doing)
            if error is not None:
                raise error
            yield pieces

    def delete_results(self, execution_id: str) -> Deletion:
        """Delete a run's files. An engine without this addition to the contract answers 405, 501, or a foreign 404."""
        doing = "deleting results"
        answer = self._transport.write(
            f"/api/loadtest/results/{_segment(execution_id)}",
            doing,
            method="DELETE",
            call_seconds=self._settings.read_call_seconds,
        )
        if answer.status in {405, 501} or (answer.status == 404 and not says_unknown(answer)):
            return Deletion.NOT_OFFERED
        if not says_unknown(answer):
            data_of(answer, doing)
        return Deletion.GONE

    @contextmanager
    def open_dashboard(self, report_path: str) -> Iterator[Iterator[bytes]]:
        """Stream a dashboard as a zip file. Raises ``DashboardPending``, and ``EngineRefused`` where none is packed."""
        doing = "reading a dashboard"
        target = dashboard_target(report_path)
        with self._transport.stream(f"{target}.zip", doing) as (answer, pieces):
            error = error_of(answer, doing)
            if error is None:
                yield pieces
                return
        if not isinstance(error, EngineRefused):
            raise error
        with self._transport.stream(f"{target}/index.html", doing) as (answer, _pieces):
            if error_of(answer, doing) is None:
                raise EngineRefused("the engine does not pack its dashboards")
        raise DashboardPending("the engine has no dashboard of this run yet")

    def capabilities(self) -> EngineCapabilities | None:
        """What the engine can load; an engine without this addition to the contract answers 404, 405 or 501."""
        doing = "asking what it can load"
        answer = self._transport.read(
            "/api/loadtest/capabilities", doing, call_seconds=self._settings.capabilities_call_seconds
        )
        if answer.status in {404, 405, 501}:
            return None
        return read(CapabilitiesWire, data_of(answer, doing), doing).to_capabilities()

    def health(self) -> bool:
        """Whether the engine says UP; ``False`` also when it gives no usable answer."""
        try:
            data = data_of(self._transport.read("/api/loadtest/health", "asking for its health"), "its health")
        except EngineError:
            return False
        return isinstance(data, dict) and data.get("status") == "UP"

    def _upload(self, path: str, doing: str, file_name: str, content: Iterable[bytes]) -> str:
        part = FilePart(file_name, content)
        answer = self._transport.write(
            path,
            doing,
            body=part,
            headers={"Content-Type": part.content_type},
            call_seconds=self._settings.upload_call_seconds,
        )
        return read(UploadWire, data_of(answer, doing), doing).uploadPath

    def _list_runs(self, seconds: float) -> list[EngineRun]:
        doing = "listing runs"
        answer = self._transport.read("/api/loadtest/list", doing, call_seconds=seconds, limit=LARGE_ANSWER_BYTES)
        data = data_of(answer, doing)
        return [] if data is None else read_runs(data, self._settings.zone)

    def _run_of(self, answer: Answer, execution_id: str) -> EngineRun | None:
        if says_unknown(answer):
            return None
        run = read(RunWire, data_of(answer, _STATUS), _STATUS).to_run(self._settings.zone)
        if run.execution_id != execution_id:
            raise EngineAnsweredWrongly(f"the engine told of another execution than {execution_id}")
        return run

    def _ask_each(
        self, execution_ids: Sequence[str], until: float, after: EngineError | None
    ) -> Mapping[str, StatusAnswer]:
        # asyncio is imported where it is needed: most functions never ask for many runs and start faster without it.
        from tandem.adapters.engine.fan_out import EngineHealth, FanOut

        health = EngineHealth(failures_in_a_row=1 if after is not None else 0)
        settings = self._transport.settings
        paths = {key: f"/api/loadtest/status/{_segment(key)}" for key in execution_ids}
        found = FanOut(settings, self._transport.ssl_context, until, health).get(paths)
        refused = {key: paths[key] for key, each in found.items() if isinstance(each, Answer) and turns_away(each)}
        if refused and self._transport.renew_token(settings.token):
            found |= FanOut(self._transport.settings, self._transport.ssl_context, until, health).get(refused)
        told: dict[str, StatusAnswer] = {}
        for key, answer in found.items():
            try:
                told[key] = answer if isinstance(answer, EngineError) else self._run_of(answer, key)
            except EngineError as error:
                told[key] = error
        return told


_STATUS = "reading a status"


def _segment(execution_id: str) -> str:
    """The id as one path segment that no server can take for a way upwards."""
    quoted = quote(execution_id, safe="")
    return quoted.replace(".", "%2E") if quoted in {".", ".."} else quoted
