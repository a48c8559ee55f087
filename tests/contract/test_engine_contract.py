"""The wire contract: our client drives any engine through a run's life and must understand all that it says.

The same tests run against the trap engine without traps, against it as a deployed engine behaves, against the engine
that we ship with a real JMeter, and against any other: ``TANDEM_CONTRACT_ENGINE_URL=http://... pytest tests/contract``.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from tandem.adapters.engine.client import HttpLoadEngine
from tandem.adapters.engine.settings import EngineSettings
from tandem.domain.engine_state import Ended, StopOrder, StopReason, TaskFacts, judge
from tandem.domain.errors import EngineAnswerLost, EngineRefused
from tandem.domain.load_engine import EngineRun, EngineStatus, LoadEngine, StartLoad, StopAnswer
from tandem.domain.task import TaskStatus
from tandem_engine.jmeter_home import find_jmeter

from tests.engine.engine_process import EngineProcess
from tests.fakes.engine_traps import DEPLOYED, Traps
from tests.fakes.trap_engine import TrapEngine

PLAN = Path(__file__).resolve().parents[1] / "engine" / "plans" / "java_sampler.jmx"
UNKNOWN = "0000dead"
ENGINES = ["without traps", "deployed", pytest.param("shipped", marks=pytest.mark.jmeter)]
if GIVEN_URL := os.environ.get("TANDEM_CONTRACT_ENGINE_URL"):
    ENGINES.append(GIVEN_URL)
_T = TypeVar("_T")


def eventually(look: Callable[[], _T | None], what: str, within: float = 40.0) -> _T:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within} s: {what}")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoadEngine]:
    match request.param:
        case "without traps":
            with TrapEngine(Traps()) as fake:
                yield HttpLoadEngine(EngineSettings(fake.url))
        case "deployed":
            with TrapEngine(DEPLOYED) as fake:
                yield HttpLoadEngine(EngineSettings(fake.url))
        case "shipped":
            jmeter = find_jmeter(os.environ, tmp_path / "jmeter")
            assert jmeter.jar is not None
            with EngineProcess(tmp_path / "data", jmeter.jar.parent.parent) as process:
                yield HttpLoadEngine(EngineSettings(str(process.http.base_url)))
        case _:
            yield HttpLoadEngine(EngineSettings(request.param))


def test_what_an_engine_can_load_is_said_by_ours_alone(engine: LoadEngine, request: pytest.FixtureRequest) -> None:
    told = engine.capabilities()
    if "shipped" in request.node.name:
        assert told is not None
        assert not told.lacks_element("HTTPSamplerProxy")
        assert not told.lacks_function("__P")
        assert told.lacks_element("nobody.has.ThisSampler")
    elif "http" not in request.node.name:
        assert told is None


def load(engine: LoadEngine, duration: int) -> StartLoad:
    plan = engine.upload_plan(PLAN.name, iter([PLAN.read_bytes()]))
    return StartLoad(
        test_name=f"tandem {uuid.uuid4().hex}",
        plan_path=plan,
        description="contract test",
        threads=2,
        loops=1_000_000,
        ramp_up=0,
        duration=duration,
        timeout=120,
        heap_size="128m",
        properties={"sleep": "20"},
    )


def ended(engine: LoadEngine, run: EngineRun) -> EngineRun:
    def look() -> EngineRun | None:
        told = engine.status(run.execution_id)
        assert told is not None
        return told if told.status.is_ended else None

    return eventually(look, "the run has ended")


def test_a_load_is_started_seen_found_and_stopped(engine: LoadEngine) -> None:
    assert engine.health()
    request = load(engine, duration=60)
    begun_at = datetime.now(UTC)
    run = engine.start(request)
    assert run.test_name == request.test_name
    assert run.status in {EngineStatus.PENDING, EngineStatus.RUNNING}
    assert run.started_at is not None
    assert abs(run.started_at - begun_at) < timedelta(seconds=30), "times are UTC"

    metrics = eventually(
        lambda: found if (found := engine.metrics(run.execution_id)) and found.total_requests else None,
        "requests arrive",
    )
    assert metrics.success_count + metrics.error_count == metrics.total_requests
    assert 0 <= metrics.error_rate <= 1
    assert metrics.min_response_ms <= metrics.avg_response_ms <= metrics.max_response_ms

    assert [found.execution_id for found in engine.list_runs() if found.test_name == request.test_name] == [
        run.execution_id
    ]
    answers = engine.survey([run.execution_id, UNKNOWN, *(f"{n:08x}" for n in range(10))], budget_seconds=10.0).answers
    told = answers[run.execution_id]
    assert isinstance(told, EngineRun)
    assert told.status is EngineStatus.RUNNING
    assert answers[UNKNOWN] is None

    assert engine.stop(run.execution_id) is StopAnswer.STOPPED
    stopped_at = datetime.now(UTC)
    final = ended(engine, run)
    verdict = judge(
        final,
        TaskFacts(
            now=datetime.now(UTC),
            load_started_at=begun_at,
            planned_seconds=60,
            stop=StopOrder(stopped_at, StopReason.USER),
            task_id=request.test_name,
        ),
    )
    assert isinstance(verdict, Ended)
    assert verdict.status is TaskStatus.STOPPED

    results = engine.results(run.execution_id)
    assert results is not None
    assert results.result_path is not None
    with engine.open_result_file(results.result_path) as pieces:
        content = b"".join(pieces)
    assert content.startswith(b"timeStamp,elapsed,label,")
    assert content.count(b"\n") > 1
    events = engine.events(run.execution_id, tail=100)
    assert events
    assert all(event.at_ms > 0 and event.type for event in events)
    assert len(engine.events(run.execution_id, tail=1)) == 1


def test_a_load_that_reaches_its_duration_has_succeeded(engine: LoadEngine) -> None:
    request = load(engine, duration=2)
    begun_at = datetime.now(UTC)
    run = engine.start(request)
    final = ended(engine, run)
    assert datetime.now(UTC) - begun_at >= timedelta(seconds=2)
    verdict = judge(final, TaskFacts(datetime.now(UTC), begun_at, 2, task_id=request.test_name))
    assert isinstance(verdict, Ended)
    assert verdict.status is TaskStatus.SUCCEEDED
    assert not verdict.load_may_go_on


def test_what_the_engine_does_not_know_is_none_and_no_error(engine: LoadEngine) -> None:
    assert engine.status(UNKNOWN) is None
    assert engine.metrics(UNKNOWN) is None
    assert engine.results(UNKNOWN) is None
    assert engine.events(UNKNOWN, tail=5) == []
    assert engine.stop(UNKNOWN) is StopAnswer.ALREADY_ENDED_OR_UNKNOWN
    with pytest.raises(EngineRefused), engine.open_result_file("results/none/results.jtl"):
        pytest.fail("there is no such file")


def test_bad_uploads_and_bad_starts_start_nothing(engine: LoadEngine) -> None:
    with pytest.raises(EngineRefused):
        engine.upload_plan("plan.exe", [b"x"])
    with pytest.raises((EngineRefused, EngineAnswerLost)):
        engine.upload_plan("plan.jmx", [])
    with pytest.raises(EngineRefused):
        engine.start(StartLoad(test_name="tandem bad", plan_path="uploads/testplans/x.jmx", threads=0))
    running = {EngineStatus.PENDING, EngineStatus.RUNNING}
    assert not [run for run in engine.list_runs() if run.test_name == "tandem bad" and run.status in running]


def test_a_data_file_is_stored(engine: LoadEngine) -> None:
    assert engine.upload_data_file("users.csv", [b"name\n", b"a\n"]).endswith(".csv")
