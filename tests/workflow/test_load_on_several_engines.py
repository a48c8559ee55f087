"""One load on two engines, through the real state machine: one task to the user, whatever happens on either side."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.strategy import Gate

from local.stack import LocalStack
from tests.factories.platform import Experiment, Platform, until
from tests.factories.stacks import stack_over
from tests.fakes.engine_traps import DEPLOYED, Call, Fault, FaultKind
from tests.fakes.trap_engine import TrapEngine

THREADS = 7


@pytest.fixture(scope="module")
def module_engines() -> Iterator[list[TrapEngine]]:
    with TrapEngine() as first, TrapEngine() as second:
        yield [first, second]


@pytest.fixture(scope="module")
def stack(
    module_engines: list[TrapEngine],
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[], str | None],
) -> Iterator[LocalStack]:
    first, second = module_engines
    limits = {
        "TANDEM_START_SECONDS": "4",
        "TANDEM_GRACE_SECONDS": "2",
        "TANDEM_ENGINE_GONE_SECONDS": "4",
        "TANDEM_ENGINES": f"second={second.url}",
    }
    with stack_over(first.url, tmp_path_factory.mktemp("parts"), 2, new_database(), **limits) as running:
        yield running


@pytest.fixture
def engines(module_engines: list[TrapEngine]) -> list[TrapEngine]:
    for engine in module_engines:
        engine.clear_faults()
        engine.set_traps(DEPLOYED)
    return module_engines


@pytest.fixture
def platform(stack: LocalStack, engines: list[TrapEngine]) -> Iterator[Platform]:
    listening = Platform(stack)
    yield listening
    listening.close()


def threads_started(engine: TrapEngine, task_id: str) -> list[int]:
    bodies = [json.loads(call.body) for call in engine.calls_of(Call.START)]
    return [body["threads"] for body in bodies if task_id in body["testName"]]


def places(engine: TrapEngine, task_id: str) -> list[tuple[str, str]]:
    """Which of how many parts the engine was told that it runs."""
    bodies = [json.loads(call.body) for call in engine.calls_of(Call.START)]
    told = [body["properties"] for body in bodies if task_id in body["testName"]]
    return [(properties["tandem.part"], properties["tandem.parts"]) for properties in told]


def engine_of(run: ExperimentRun | None) -> set[str]:
    assert run is not None
    return {part.engine for part in run.parts}


def open_window(platform: Platform, engines: int = 2, **changes: object) -> Experiment:
    experiment = platform.plan(threads=THREADS, engines=engines, **changes)
    experiment.starts()
    assert experiment.hears("FaultWindowOpen")["loadProven"] is True
    return experiment


def test_both_engines_run_their_share_and_stopped_means_both(platform: Platform, engines: list[TrapEngine]) -> None:
    experiment = open_window(platform)
    assert experiment.status == "RUNNING"
    shares = [threads_started(engine, experiment.task_id) for engine in engines]
    assert sorted(shares) == [[3], [4]]
    assert sorted(places(engine, experiment.task_id) for engine in engines) == [[("1", "2")], [("2", "2")]]
    assert engine_of(experiment.run) == {"default", "second"}
    experiment.finishes("STOPPED")
    run = experiment.settles()
    assert run.started_task.status == "STOPPED"
    assert all(part.over_at is not None for part in run.parts)
    assert [engine.running() for engine in engines] == [set(), set()]
    assert experiment.transitions == ["PENDING", "RUNNING", "STOPPED"]


def test_samples_of_one_engine_alone_do_not_prove_the_load(platform: Platform, engines: list[TrapEngine]) -> None:
    engines[1].add_fault(Fault(FaultKind.ERROR_500, frozenset({Call.METRICS}), calls=None))
    experiment = platform.plan(threads=THREADS, engines=2, gate=Gate(timeout_sec=4))
    experiment.starts()
    window = experiment.hears("FaultWindowOpen")
    assert window["loadProven"] is False
    assert "no samples arrived from second" in window["reason"]
    run = experiment.settles()
    assert run.started_task.status == "FAILED"
    assert [engine.running() for engine in engines] == [set(), set()]


def test_a_load_that_dies_on_one_engine_takes_the_whole_load_down_and_aborts(
    platform: Platform, engines: list[TrapEngine]
) -> None:
    engines[1].set_traps(replace(DEPLOYED, dies_after_seconds=4.0))
    experiment = open_window(platform, abort_on_load_failure=True)
    aborted = experiment.hears("ExperimentAbortRequested")
    assert "second" in aborted["reason"]
    experiment.finishes("STOPPED")
    run = experiment.settles()
    assert run.started_task.status == "FAILED"
    assert [engine.running() for engine in engines] == [set(), set()]


def test_a_lost_answer_of_one_engine_is_found_again_and_nothing_started_twice(
    platform: Platform, engines: list[TrapEngine]
) -> None:
    engines[1].add_fault(Fault(FaultKind.DO_AND_CUT, frozenset({Call.START})))
    experiment = open_window(platform)
    assert [engine.starts(experiment.task_id) for engine in engines] == [1, 1]
    experiment.finishes("STOPPED")
    assert experiment.settles().started_task.status == "STOPPED"
    assert [engine.running() for engine in engines] == [set(), set()]


def test_a_busy_engine_is_asked_again_while_the_other_runs(platform: Platform, engines: list[TrapEngine]) -> None:
    engines[0].add_fault(Fault(FaultKind.BUSY_503, frozenset({Call.START})))
    experiment = open_window(platform)
    assert [len(threads_started(engine, experiment.task_id)) for engine in engines] in ([2, 1], [1, 1])
    assert experiment.status == "RUNNING"
    experiment.finishes("STOPPED")
    assert experiment.settles().started_task.status == "STOPPED"
    assert [engine.running() for engine in engines] == [set(), set()]


def test_an_engine_that_refuses_fails_the_load_and_stops_the_other(
    platform: Platform, engines: list[TrapEngine]
) -> None:
    engines[1].add_fault(Fault(FaultKind.FRAMEWORK_400, frozenset({Call.START})))
    experiment = platform.plan(threads=THREADS, engines=2)
    experiment.starts()
    assert experiment.hears("FaultWindowOpen")["loadProven"] is False
    run = experiment.settles()
    assert run.started_task.status == "FAILED"
    assert "did not start" in (run.started_task.error_message or "")
    assert [engine.running() for engine in engines] == [set(), set()]


def test_too_few_engines_fail_the_load_with_the_reason(platform: Platform, engines: list[TrapEngine]) -> None:
    experiment = platform.plan(threads=THREADS, engines=3)
    experiment.starts()
    window = experiment.hears("FaultWindowOpen")
    assert window["loadProven"] is False
    assert "3" in window["reason"]
    assert experiment.settles().started_task.status == "FAILED"
    assert [engine.starts(experiment.task_id) for engine in engines] == [0, 0]


def test_the_story_tells_what_each_engine_did(platform: Platform, engines: list[TrapEngine]) -> None:
    experiment = open_window(platform)
    answer = platform.get("GetLoadTestEvents", experimentTaskId=experiment.experiment_task_id)
    lines = [json.loads(line) for line in answer.json()["result"]["events"]]
    assert {line["engine"] for line in lines if "engine" in line} == {"default", "second"}
    synced = platform.post("SyncLoadTestTaskStatus", taskId=experiment.task_id)
    assert synced.json()["result"]["status"] == "RUNNING"
    experiment.finishes("STOPPED")
    until(lambda: experiment.status == "STOPPED", "the end")
    experiment.settles()


def test_an_engine_that_is_gone_takes_no_other_figures_with_it(platform: Platform, engines: list[TrapEngine]) -> None:
    experiment = open_window(platform, traffic_duration_sec=6)
    key = {"experimentTaskId": experiment.experiment_task_id}
    engines[1].go_down()
    try:
        experiment.finishes("SUCCEEDED")
        assert experiment.reaches("TIMEOUT", seconds=40) == "TIMEOUT"
        report = experiment.hears("LoadTestReportReady", seconds=40)
        assert report["verdict"] == "INCONCLUSIVE"
        results = platform.get("GetLoadTestResults", **key)
        series = platform.get("GetLoadTestTimeseries", **key)
        assert [answer.status_code for answer in (results, series)] == [200, 200]
        told = results.json()["result"]
        assert (told["missingParts"], told["final"], told["summary"]["samples"] > 0) == (["second"], True, True)
        assert {"PART_MISSING", "STOP_NOT_CONFIRMED"} <= {reason["code"] for reason in told["verdict"]["reasons"]}
        assert experiment.run is not None
        assert experiment.run.stop_confirmed_at is None
    finally:
        engines[1].come_up()
    run = experiment.settles(seconds=60)
    assert run.stop_confirmed_at is not None

    def whole() -> bool:
        told = platform.get("GetLoadTestResults", **key).json()["result"]
        return told["archive"] is not None and told["missingParts"] == []

    until(whole, "the archive with the results of the engine that came back", 40)
