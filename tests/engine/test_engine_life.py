"""The whole life of runs over a real JMeter: how they start, are watched, and end."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engine.conftest import PLANS, Shop
from tests.engine.engine_process import EngineProcess, eventually, pid_is_running

pytestmark = pytest.mark.jmeter

CHECKOUT = Path(__file__).resolve().parents[2] / "examples" / "checkout.jmx"


@pytest.fixture(scope="module")
def engine(jmeter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("life") / "data", jmeter_home, max_runs="10") as running:
        yield running


@pytest.fixture(scope="module")
def timing_out(engine: EngineProcess) -> str:
    """A run that ends at its timeout, the least of 10 s, while the other tests go on."""
    return engine.run(PLANS / "java_sampler.jmx", loops=1_000_000, timeout=10)


def _utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.usefixtures("timing_out")
def test_a_load_test_lives_from_upload_to_dashboard(engine: EngineProcess, shop: Shop) -> None:
    path = engine.upload(CHECKOUT)
    assert path in engine.get("/api/files/list")["testplans"]
    began = time.time()
    body = {
        "testPlanPath": path,
        "testName": "task-1",
        "description": "a shop",
        "threads": 4,
        "rampUp": 0,
        "duration": 600,
        "properties": {"port": str(shop.port)},
    }
    started = engine.post("/api/loadtest/start", body)
    execution_id = started["executionId"]
    assert started["status"] == "RUNNING"
    assert started["testName"] == "task-1"
    assert started["parameters"]["properties"] == {"port": str(shop.port)}
    assert abs(_utc(started["startTime"]) - began) < 5
    assert engine.http.get(f"/api/loadtest/summary/{execution_id}").status_code == 404

    snapshot = engine.samples_arrive(execution_id, more_than=50)
    assert snapshot["errorCount"] == 0
    assert snapshot["successCount"] == snapshot["totalRequests"]
    assert snapshot["throughput"] > 0
    assert 0 < snapshot["activeThreads"] <= 4
    assert {path for _, path in shop.seen} == {"/catalogue", "/checkout"}
    live = engine.http.get(
        engine.get(f"/api/loadtest/results/{execution_id}")["resultUrl"], headers={"Range": "bytes=0-8"}
    )
    assert (live.status_code, live.text) == (206, "timeStamp")

    asked = time.monotonic()
    assert engine.post(f"/api/loadtest/stop/{execution_id}") is True
    assert time.monotonic() - asked < 15
    state = engine.status(execution_id)
    assert state["status"] == "STOPPED"
    assert state["errorMessage"] is None
    assert _utc(state["endTime"]) > _utc(state["startTime"])
    assert not [entry for entry in Path(path).parent.iterdir() if execution_id in entry.name]
    refused = engine.http.post(f"/api/loadtest/stop/{execution_id}")
    assert refused.status_code == 400
    assert engine.status(execution_id)["status"] == "STOPPED"

    lines = engine.whole_jtl(execution_id)
    summary = engine.get(f"/api/loadtest/summary/{execution_id}")
    assert summary["total"] == len(lines) - 1
    assert summary["succ"] + summary["err"] == summary["total"]
    assert engine.get(f"/api/metrics/{execution_id}")["activeThreads"] == 0
    engine.dashboard_exists(execution_id)
    events = [json.loads(line) for line in engine.get(f"/api/loadtest/events/{execution_id}")]
    assert [event["type"] for event in events] == [
        *("CREATED", "STARTED", "FIRST_SAMPLES", "STOPPING", "STOP_SENT", "ENDED", "DASHBOARD_READY"),
    ]
    assert [json.loads(line) for line in engine.get(f"/api/loadtest/events/{execution_id}?tail=2")] == events[-2:]


def test_a_plan_without_end_is_completed_when_its_duration_is_over(engine: EngineProcess, shop: Shop) -> None:
    execution_id = engine.run(CHECKOUT, threads=2, duration=2, rampUp=0, properties={"port": shop.port})
    state = engine.ended(execution_id)
    assert state["status"] == "COMPLETED"
    assert state["errorMessage"] is None
    stamps = [int(line.split(",")[0]) for line in engine.whole_jtl(execution_id)[1:]]
    assert 1500 < max(stamps) - min(stamps) < 4000


def test_a_stream_gives_a_snapshot_a_second_and_ends_with_its_run(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=100, threads=2)
    with engine.http.stream("GET", f"/api/metrics/stream/{execution_id}") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        snapshots = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert engine.status(execution_id)["status"] == "COMPLETED"
    assert snapshots[-1]["totalRequests"] == 200
    assert snapshots[-1]["activeThreads"] == 0
    totals = [snapshot["totalRequests"] for snapshot in snapshots]
    assert totals == sorted(totals)
    assert len(snapshots) >= 3
    with engine.http.stream("GET", f"/api/metrics/stream/{execution_id}") as answer:
        assert [line for line in answer.iter_lines() if line] == [f"data: {json.dumps(snapshots[-1])}"]


def test_samples_that_would_not_end_do_not_hold_up_a_stop(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=5, properties={"sleep": 300_000})
    eventually(lambda: engine.metrics(execution_id), "the result file is there")
    asked = time.monotonic()
    assert engine.post(f"/api/loadtest/stop/{execution_id}") is True
    assert time.monotonic() - asked < 15
    assert engine.status(execution_id)["status"] == "STOPPED"
    engine.whole_jtl(execution_id)


def test_a_stop_before_jmeter_listens_is_not_lost(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=1_000_000)
    pid = engine.jmeter_pid(execution_id)
    assert engine.post(f"/api/loadtest/stop/{execution_id}") is True
    assert not pid_is_running(pid)
    assert engine.status(execution_id)["status"] == "STOPPED"


def test_all_who_ask_for_the_same_stop_get_the_same_answer(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=1_000_000)
    engine.samples_arrive(execution_id)
    answers: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(engine.http.post(f"/api/loadtest/stop/{execution_id}").status_code)
        )
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert 200 in answers
    assert set(answers) <= {200, 400}
    events = [json.loads(line)["type"] for line in engine.get(f"/api/loadtest/events/{execution_id}")]
    assert events.count("STOPPING") == 1
    assert events.count("ENDED") == 1


def test_a_killed_jmeter_is_a_failure_with_a_whole_jtl_and_a_dashboard(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=1_000_000, threads=3)
    engine.samples_arrive(execution_id, more_than=20)
    os.kill(engine.jmeter_pid(execution_id), signal.SIGKILL)
    state = engine.ended(execution_id)
    assert state["status"] == "FAILED"
    assert "SIGKILL" in state["errorMessage"]
    assert engine.get(f"/api/loadtest/summary/{execution_id}")["total"] == len(engine.whole_jtl(execution_id)) - 1
    assert engine.http.post(f"/api/loadtest/stop/{execution_id}").status_code == 400
    engine.dashboard_exists(execution_id)


def test_a_plan_that_jmeter_cannot_load_fails_with_jmeters_reason(engine: EngineProcess) -> None:
    execution_id = engine.run(PLANS / "unknown_class.jmx")
    state = engine.ended(execution_id)
    assert state["status"] == "FAILED"
    assert "NoSuchSampler" in state["errorMessage"]
    assert engine.http.get(f"/api/metrics/{execution_id}").status_code == 404
    results = engine.get(f"/api/loadtest/results/{execution_id}")
    assert (results["status"], results["reportUrl"]) == ("FAILED", None)
    assert engine.get(f"/api/loadtest/summary/{execution_id}")["total"] == 0


def test_a_plan_finds_its_data_beside_itself_and_its_properties_unchanged(
    engine: EngineProcess, sleep_plan: Path
) -> None:
    place = engine.data / "uploads" / "testplans" / "team"
    place.mkdir()
    plan = place / "plan.jmx"
    plan.write_bytes((PLANS / "csv_beside_the_plan.jmx").read_bytes())
    before = plan.read_bytes()
    (place / "users.csv").write_text("anna\nbert\n")
    by_file = engine.post(
        "/api/loadtest/start",
        {"testPlanPath": "uploads/testplans/team/plan.jmx", "duration": 600, "loops": 2, "respectLoops": True},
    )["executionId"]
    label = 'ünïcode = "quoted", ${1}; $(x) \\ 中文'
    by_property = engine.run(sleep_plan, loops=2, properties={"label": label})
    assert engine.ended(by_file)["status"] == "COMPLETED"
    assert [line.split(",")[2] for line in engine.whole_jtl(by_file)[1:]] == ["user anna", "user bert"]
    assert plan.read_bytes() == before
    assert sorted(entry.name for entry in place.iterdir()) == ["plan.jmx", "users.csv"]
    assert engine.ended(by_property)["status"] == "COMPLETED"
    assert engine.get(f"/api/loadtest/summary/{by_property}")["total"] == 2
    assert '"ünïcode = ""quoted"", ${1}; $(x) \\ 中文"' in engine.whole_jtl(by_property)[1]


def test_a_stop_that_crosses_a_natural_end_has_one_outcome(engine: EngineProcess, sleep_plan: Path) -> None:
    path = engine.upload(sleep_plan)
    bodies = [{"testPlanPath": path, "loops": loops, "properties": {"sleep": 1}} for loops in (1, 100, 300)]
    runs = [engine.post("/api/loadtest/start", body)["executionId"] for body in bodies]
    engine.ended(runs[0])
    for execution_id in runs:
        answer = engine.http.post(f"/api/loadtest/stop/{execution_id}").status_code
        state = engine.status(execution_id)
        assert (answer, state["status"]) in {(200, "STOPPED"), (400, "COMPLETED")}
        assert engine.http.post(f"/api/loadtest/stop/{execution_id}").status_code == 400
        assert engine.status(execution_id) == state


def test_a_run_is_ended_at_its_timeout(engine: EngineProcess, timing_out: str) -> None:
    state = engine.ended(timing_out)
    assert state["status"] == "TIMEOUT"
    assert "10 s" in state["errorMessage"]
    assert 10 <= _utc(state["endTime"]) - _utc(state["startTime"]) < 16
    engine.whole_jtl(timing_out)


def test_a_full_engine_refuses_and_takes_again_when_there_is_room(
    engine_on: Callable[..., EngineProcess], tmp_path: Path, sleep_plan: Path
) -> None:
    with engine_on(tmp_path / "data", max_runs="1") as engine:
        first = engine.run(sleep_plan, loops=1_000_000)
        assert engine.get("/api/loadtest/health")["runningTests"] == 1
        body = {"testPlanPath": engine.upload(sleep_plan), "testName": "refused"}
        refused = engine.http.post("/api/loadtest/start", json=body)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert set(refused.json()) == {"success", "message", "data", "error"}
        assert [run["executionId"] for run in engine.get("/api/loadtest/list")] == [first]
        assert engine.post(f"/api/loadtest/stop/{first}") is True
        assert engine.get("/api/loadtest/health")["runningTests"] == 0
        second = engine.post("/api/loadtest/start", body)["executionId"]
        assert engine.ended(second)["status"] == "COMPLETED"
        assert [run["executionId"] for run in engine.get("/api/loadtest/list")] == [second, first]


def test_deleting_an_ended_run_leaves_nothing_of_it_also_after_a_restart(
    engine: EngineProcess, sleep_plan: Path
) -> None:
    execution_id = engine.run(sleep_plan, threads=1, loops=5)
    kept = engine.run(sleep_plan, threads=1, loops=5)
    eventually(lambda: engine.status(execution_id)["endTime"] and engine.status(kept)["endTime"], "both have ended")

    def delete(identifier: str) -> int:
        return engine.http.delete(f"/api/loadtest/results/{identifier}").status_code

    def listed() -> set[str]:
        # Other tests' runs are on this engine as well.
        return {each["executionId"] for each in engine.get("/api/loadtest/list")} & {execution_id, kept}

    # While its dashboard is being built the answer is 400.
    eventually(lambda: delete(execution_id) == 200, "it lets go of the run")
    assert delete(execution_id) == 404
    assert listed() == {kept}
    assert [path.name for path in (engine.data / "results").iterdir() if execution_id in path.name] == []
    assert [path.name for path in (engine.data / "reports").iterdir() if execution_id in path.name] == []
    engine.terminate()
    engine.start()
    assert listed() == {kept}


def test_a_run_that_goes_on_is_not_deleted_and_no_path_leads_out(engine: EngineProcess, sleep_plan: Path) -> None:
    running = engine.run(sleep_plan, threads=1, loops=100_000)
    answer = engine.http.delete(f"/api/loadtest/results/{running}")
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    outside = engine.data.parent / "precious"
    outside.mkdir()
    for hostile in ("..", "%2e%2e", "..%2f..%2fprecious", "results%2f..", "*"):
        assert engine.http.delete(f"/api/loadtest/results/{hostile}").status_code in {404, 405}
    assert outside.is_dir()
    engine.post(f"/api/loadtest/stop/{running}")
