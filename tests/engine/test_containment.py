"""A run as a user of its own: what its plan can see, write and end, with a real JMeter and real users."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tandem_engine.containment import USERS, Containment, kill_all_of
from tandem_engine.jmeter_home import find_jmeter
from tandem_engine.settings import Settings, SettingsError

from tests.engine.conftest import PLANS
from tests.engine.engine_process import ENGINE_PATH, EngineProcess, eventually, pid_is_running

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give runs users of their own")


@pytest.fixture(scope="module")
def reachable() -> Iterator[Path]:
    """A directory that every user can pass, as /data of the image; pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="tandem-engine-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def contained(reachable: Path) -> Iterator[EngineProcess]:
    if os.geteuid() != 0:
        pytest.skip("needs root to give runs users of their own")
    jmeter = find_jmeter(os.environ, reachable / "jmeter")
    assert jmeter.home is not None
    with EngineProcess(
        reachable / "data", jmeter.home, containment="required", token="s3cret-of-the-engine", max_runs="5"
    ) as engine:
        engine.http.headers["Authorization"] = "Bearer s3cret-of-the-engine"
        yield engine


def _spied(engine: EngineProcess, **properties: str) -> dict[str, str]:
    execution_id = engine.run(PLANS / "spy.jmx", properties=properties)
    assert engine.ended(execution_id)["status"] == "COMPLETED"
    (row,) = csv.DictReader(engine.whole_jtl(execution_id))
    return dict(json.loads(row["responseMessage"]))


def _delete(engine: EngineProcess, execution_id: str) -> None:
    """Its dashboard may still be built."""
    path = f"/api/loadtest/results/{execution_id}"
    eventually(lambda: engine.http.delete(path).status_code == 200, f"{path} is deleted")


def _user_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("\nUid:")[2].split()[1])


@pytest.mark.jmeter
@pytest.mark.slow
def test_a_plan_sees_nothing_of_the_engine_and_of_other_runs(contained: EngineProcess, sleep_plan: Path) -> None:
    victim = contained.run(sleep_plan, loops=100_000, properties={"secret": "of-another-user"})
    contained.samples_arrive(victim)
    data = contained.data.resolve()
    results = data / Path(contained.status(victim)["resultPath"]).parent
    pid = contained.jmeter_pid(victim)
    work = Path(os.readlink(f"/proc/{pid}/cwd"))
    assert (results / "results.jtl").stat().st_size > 0
    closed = [
        *(results / name for name in ("results.jtl", "jmeter.log", "jmeter.out", "execution.json", "events.jsonl")),
        *(data, data / "results", data / "uploads", data / "uploads" / "testplans", data / "work", data / "reports"),
        *(work, work.parent, results, data / "engine.lock"),
        *(Path(f"/proc/{contained.pid}/{name}") for name in ("environ", "maps", "fd")),
        *(Path(f"/proc/{pid}/{name}") for name in ("environ", "maps")),
    ]
    seen = _spied(contained, look=",".join(str(path) for path in closed), victim=str(pid))
    opened = {str(path): seen[str(path)] for path in closed if not seen[str(path)].startswith("CLOSED")}
    assert opened == {}
    user, groups = seen["user"].split("\n")
    assert int(user) in USERS
    assert groups == user
    assert int(user) != _user_of(pid)
    assert seen["mine"].startswith("written\n")
    assert "not permitted" in seen["kill"]
    assert pid_is_running(pid)
    assert contained.post(f"/api/loadtest/stop/{victim}") is True
    assert not pid_is_running(pid)


@pytest.mark.jmeter
@pytest.mark.slow
def test_what_a_plan_leaves_running_and_lying_about_goes_with_the_run(contained: EngineProcess) -> None:
    user = int(_spied(contained)["user"].split("\n")[0])
    assert _of(user) == []
    assert list((contained.data / "work").iterdir()) == []


def _lives_as(pid: int, user: int) -> bool:
    try:
        return _user_of(pid) == user and pid_is_running(pid)
    except (OSError, IndexError, ValueError):
        return False


@pytest.mark.jmeter
@pytest.mark.slow
def test_results_log_and_dashboard_of_a_contained_run_are_the_engines_to_serve(contained: EngineProcess) -> None:
    execution_id = contained.run(PLANS / "java_sampler.jmx", loops=5)
    assert contained.ended(execution_id)["status"] == "COMPLETED"
    assert len(contained.whole_jtl(execution_id)) == 6
    contained.dashboard_exists(execution_id)
    log = contained.http.get("/" + contained.status(execution_id)["logPath"])
    assert "Running the test" in log.text
    _delete(contained, execution_id)
    assert not list((contained.data / "results").glob(f"*{execution_id}"))


@pytest.mark.jmeter
@pytest.mark.slow
def test_a_contained_run_is_taken_over_by_the_next_engine_and_stopped(
    contained: EngineProcess, sleep_plan: Path
) -> None:
    execution_id = contained.run(sleep_plan, loops=100_000)
    contained.samples_arrive(execution_id)
    pid = contained.jmeter_pid(execution_id)
    contained.kill()
    contained.start()
    contained.http.headers["Authorization"] = "Bearer s3cret-of-the-engine"
    assert contained.status(execution_id)["status"] == "RUNNING"
    assert contained.post(f"/api/loadtest/stop/{execution_id}") is True
    assert not pid_is_running(pid)
    assert contained.status(execution_id)["status"] == "STOPPED"


@needs_root
def test_every_process_of_a_user_is_ended_also_one_with_a_session_of_its_own() -> None:
    user = USERS[-1]
    alone: Any = {"user": user, "group": user, "extra_groups": [], "start_new_session": True}
    script = "setsid sleep 346 & sleep 346 & exec sleep 346"
    with subprocess.Popen(["sh", "-c", script], **alone) as process:
        eventually(lambda: len(_of(user)) >= 3 or None, "they run")
        kill_all_of(user)
        assert process.wait(5) == -signal.SIGKILL
    assert _of(user) == []


# Behaves as far as the engine sees as JMeter does, and tells in its result file what its user can open and do.
_SPYING_LAUNCHER = r"""#!/bin/sh
for argument; do
    # A dashboard is JMeter's work and none of a plan's.
    case "$argument" in -g) exit 0;; esac
    case "$before" in -l) results=$argument;; -j) log=$argument;; esac
    case "$argument" in -Jlook=*) look=${argument#-Jlook=};; -Jvictim=*) victim=${argument#-Jvictim=};; esac
    case "$argument" in -Jwait=*) wait=${argument#-Jwait=};; esac
    before=$argument
done
row() { echo "$(date +%s)000,1,$1,200,$2,Users 1-1,text,true,,0,0,1,1,null,0,0,0" >>"$results"; }
echo "a line of the log" >"$log"
echo "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,\
grpThreads,allThreads,URL,Latency,IdleTime,Connect" | tr -d '\134\n' >"$results"
echo >>"$results"
row user "$(id -u) $(id -G)"
for place in $(echo "$look" | tr ';' ' '); do
    seen=CLOSED
    if head -c 1 "$place" >/dev/null 2>&1 || ls "$place/" >/dev/null 2>&1; then seen=OPEN; fi
    row "$place" "$seen"
done
kill -9 "${victim:-999999}" 2>/dev/null && row kill DONE
echo mine >beside.txt && row beside "$(cat beside.txt)"
row home "$HOME"
ln -s /etc/shadow "$(dirname "$log")/planted" 2>/dev/null && row plant DONE
rm -f "$log" 2>/dev/null && row unlink DONE
sleep 1
rm -f "$results" && ln -s /etc/shadow "$results"
setsid sleep 345 >/dev/null 2>&1 &
sleep "${wait:-0}"
echo "... end of run"
"""


@pytest.fixture
def spying(reachable: Path, tmp_path: Path) -> Iterator[EngineProcess]:
    if os.geteuid() != 0:
        pytest.skip("needs root to give runs users of their own")
    launcher = reachable / "bin" / "jmeter"
    launcher.parent.mkdir(exist_ok=True)
    launcher.write_text(_SPYING_LAUNCHER)
    launcher.chmod(0o755)
    data = reachable / tmp_path.name
    engine = EngineProcess(data, tmp_path, containment="required", token="s3cret-of-the-engine")
    engine.forget_jmeter_home(path=str(launcher.parent))
    with engine:
        engine.http.headers["Authorization"] = "Bearer s3cret-of-the-engine"
        yield engine


def _told(engine: EngineProcess, execution_id: str) -> dict[str, str]:
    return {row["label"]: row["responseMessage"] for row in csv.DictReader(engine.whole_jtl(execution_id))}


def test_a_run_reaches_nothing_but_its_own(spying: EngineProcess, sleep_plan: Path) -> None:
    victim = spying.run(sleep_plan, properties={"wait": 60, "secret": "of-another-user"})
    eventually(lambda: spying.metrics(victim), "it has written")
    data = spying.data.resolve()
    results = data / Path(spying.status(victim)["resultPath"]).parent
    pid = spying.jmeter_leader(victim)
    work = Path(os.readlink(f"/proc/{pid}/cwd"))
    closed = [
        *(results / name for name in ("results.jtl", "jmeter.log", "jmeter.out", "execution.json", "events.jsonl")),
        *(data, data / "results", data / "uploads", data / "uploads" / "testplans", data / "work", data / "reports"),
        *(
            work,
            work.parent,
            results,
            data / "engine.lock",
            Path("/proc", str(spying.pid), "environ"),
            Path("/proc", str(spying.pid), "fd"),
        ),
        *(Path("/proc", str(pid), name) for name in ("environ", "fd")),
    ]
    properties = {"look": ";".join(str(path) for path in [*closed, "/proc/self/environ"]), "victim": str(pid)}
    spy = spying.run(sleep_plan, properties=properties)
    assert spying.ended(spy)["status"] == "COMPLETED"
    told = _told(spying, spy)
    assert {place: told[str(place)] for place in closed} == dict.fromkeys(closed, "CLOSED")
    assert told["/proc/self/environ"] == "OPEN"
    user, *groups = told["user"].split()
    assert int(user) in USERS
    assert groups == [user]
    assert int(user) != _user_of(pid)
    assert "kill" not in told
    assert pid_is_running(pid)
    # Its own: it may write, and what it does to its files does not reach the engine's names of them.
    assert told["beside"] == "mine"
    assert Path(told["home"]).parent == data / "work"
    assert not {"plant", "unlink"} & set(told)
    assert spying.http.get("/" + spying.status(spy)["logPath"]).text == "a line of the log\n"
    assert _of(int(user)) == []
    assert [each.name for each in (data / "work").iterdir()] == [work.parent.name]
    assert spying.post(f"/api/loadtest/stop/{victim}") is True
    assert not pid_is_running(pid)


def test_a_contained_run_is_taken_over_with_all_its_processes(spying: EngineProcess, sleep_plan: Path) -> None:
    execution_id = spying.run(sleep_plan, properties={"wait": 60})
    eventually(lambda: spying.metrics(execution_id), "it has written")
    user = _user_of(spying.jmeter_leader(execution_id))
    spying.kill()
    spying.start()
    spying.http.headers["Authorization"] = "Bearer s3cret-of-the-engine"
    assert spying.status(execution_id)["status"] == "RUNNING"
    assert spying.post(f"/api/loadtest/stop/{execution_id}") is True
    # The dead are children of init by now, which reaps them when it comes to it.
    eventually(lambda: _of(user) == [] or None, "its processes are gone")
    assert _told(spying, execution_id)["beside"] == "mine"
    _delete(spying, execution_id)


def test_a_contained_run_that_died_without_an_engine_keeps_its_results(spying: EngineProcess, sleep_plan: Path) -> None:
    execution_id = spying.run(sleep_plan, properties={"wait": 60})
    eventually(lambda: spying.metrics(execution_id), "it has written")
    user = _user_of(spying.jmeter_leader(execution_id))
    spying.kill()
    kill_all_of(user)
    spying.start()
    spying.http.headers["Authorization"] = "Bearer s3cret-of-the-engine"
    assert spying.ended(execution_id)["status"] in ("COMPLETED", "FAILED")
    assert _told(spying, execution_id)["beside"] == "mine"


def _of(user: int) -> list[int]:
    return [
        int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and _lives_as(int(each.name), user)
    ]


def test_no_two_runs_share_a_user_as_long_as_there_are_any() -> None:
    containment = Containment()
    taken: set[int] = set()
    for _ in range(300):
        user = containment.new_user(taken, set())
        assert user is not None
        assert user not in taken
        taken.add(user)
    assert taken <= set(USERS)
    assert containment.new_user(set(USERS), set(USERS) - {USERS[7]}) == USERS[7]
    assert Containment("not here").new_user(set(), set()) is None


def test_an_engine_that_must_contain_its_runs_and_cannot_does_not_start(tmp_path: Path, jmeter_home: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ENGINE_PATH,
        "JMETER_HOME": str(jmeter_home),
        "TANDEM_ENGINE_PORT": "0",
        "TANDEM_ENGINE_DATA_DIR": str(tmp_path / "closed" / "data"),
        "TANDEM_ENGINE_CONTAINMENT": "required",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "tandem_engine"], env=environment, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert b"runs cannot have users of their own: " in ended.stderr
    with pytest.raises(SettingsError, match="CONTAINMENT must be one of auto, required, off"):
        Settings.from_environment({"TANDEM_ENGINE_CONTAINMENT": "yes"})
