"""A ``LoadEngine`` that measures another one: how long each call takes, and how many give no usable answer."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from tandem.domain.engine_capabilities import EngineCapabilities
from tandem.domain.errors import EngineError, EngineRefused
from tandem.domain.live_metrics import LiveMetrics
from tandem.domain.load_engine import (
    Deletion,
    EngineEvent,
    EngineResults,
    EngineRun,
    LoadEngine,
    StartLoad,
    StopAnswer,
    Survey,
)
from tandem.domain.measurements import EngineCall, Meter

LATENCY, ERRORS = "EngineCallMilliseconds", "EngineErrors"


class MeasuredEngine:
    """Every call as it is asked for, none besides. A refusal is an answer; no other ``EngineError`` is.

    Of many states at once (``survey``) the round is one call, and an error if any state was not had.
    """

    def __init__(self, engine: LoadEngine, meter: Meter) -> None:
        self._engine = engine
        self._meter = meter

    def upload_plan(self, file_name: str, content: Iterable[bytes]) -> str:
        with self._measured(EngineCall.FILE):
            return self._engine.upload_plan(file_name, content)

    def upload_data_file(self, file_name: str, content: Iterable[bytes]) -> str:
        with self._measured(EngineCall.FILE):
            return self._engine.upload_data_file(file_name, content)

    def start(self, request: StartLoad) -> EngineRun:
        with self._measured(EngineCall.START):
            return self._engine.start(request)

    def stop(self, execution_id: str) -> StopAnswer:
        with self._measured(EngineCall.STOP):
            return self._engine.stop(execution_id)

    def status(self, execution_id: str) -> EngineRun | None:
        with self._measured(EngineCall.STATUS):
            return self._engine.status(execution_id)

    def list_runs(self) -> Sequence[EngineRun]:
        with self._measured(EngineCall.STATUS):
            return self._engine.list_runs()

    def survey(self, execution_ids: Sequence[str], budget_seconds: float) -> Survey:
        began = time.monotonic()
        survey = self._engine.survey(execution_ids, budget_seconds)
        trouble = survey.listed is None or any(_is_trouble(answer) for answer in survey.answers.values())
        self._record(EngineCall.STATUS, began, trouble)
        return survey

    def metrics(self, execution_id: str) -> LiveMetrics | None:
        with self._measured(EngineCall.READ):
            return self._engine.metrics(execution_id)

    def events(self, execution_id: str, tail: int) -> Sequence[EngineEvent]:
        with self._measured(EngineCall.READ):
            return self._engine.events(execution_id, tail)

    def results(self, execution_id: str) -> EngineResults | None:
        with self._measured(EngineCall.READ):
            return self._engine.results(execution_id)

    def open_result_file(self, result_path: str) -> AbstractContextManager[Iterator[bytes]]:
        return self._open(result_path)

    @contextmanager
    def _open(self, result_path: str) -> Iterator[Iterator[bytes]]:
        with self._measured(EngineCall.FILE), self._engine.open_result_file(result_path) as pieces:
            yield pieces

    def delete_results(self, execution_id: str) -> Deletion:
        with self._measured(EngineCall.FILE):
            return self._engine.delete_results(execution_id)

    def open_dashboard(self, report_path: str) -> AbstractContextManager[Iterator[bytes]]:
        # Not measured: that a dashboard takes its time is no trouble.
        return self._engine.open_dashboard(report_path)

    def capabilities(self) -> EngineCapabilities | None:
        with self._measured(EngineCall.READ):
            return self._engine.capabilities()

    def health(self) -> bool:
        began = time.monotonic()
        is_up = self._engine.health()
        self._record(EngineCall.STATUS, began, not is_up)
        return is_up

    @contextmanager
    def _measured(self, call: EngineCall) -> Iterator[None]:
        began, in_trouble = time.monotonic(), False
        try:
            yield
        except EngineError as error:
            in_trouble = _is_trouble(error)
            raise
        finally:
            self._record(call, began, in_trouble)

    def _record(self, call: EngineCall, began: float, in_trouble: bool) -> None:
        self._meter.record({LATENCY: (time.monotonic() - began) * 1_000, ERRORS: int(in_trouble)}, call)


def _is_trouble(answer: object) -> bool:
    return isinstance(answer, EngineError) and not isinstance(answer, EngineRefused)
