"""Who may call an engine: no page of another site, and nobody without the token, which no plan can read."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tandem_engine import limits
from tandem_engine.bearer_token import take_token
from tandem_engine.execution import EndCause
from tandem_engine.faults import BadArgument, Full
from tandem_engine.limits import check_disk, check_heap, no_more_room
from tandem_engine.request_guard import LOOPBACK_NAMES, is_loopback, refusal
from tandem_engine.settings import SettingsError

from tests.engine.engine_process import EngineProcess

NOBODY = 65534
PROJECT = Path(__file__).resolve().parents[2]
_NOBODYS: Any = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


@pytest.mark.parametrize("host", ["127.0.0.1:8008", "localhost", "LocalHost:1", "[::1]:8008", "localhost."])
def test_the_names_of_the_loopback_interface_are_taken(host: str) -> None:
    assert refusal(host, None, LOOPBACK_NAMES) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8008", "", "[::2]", "localhost.evil", "0.0.0.0"]
)
def test_any_other_name_may_be_one_that_somebody_lets_point_here(host: str) -> None:
    assert "Host" in (refusal(host, None, LOOPBACK_NAMES) or "")
    assert refusal(host, None, None) is None


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:8009", "", "http://[", "localhost:8008"]
)
def test_a_page_of_another_site_is_refused(origin: str) -> None:
    assert "Origin" in (refusal("localhost:8008", origin, LOOPBACK_NAMES) or "")
    assert "Origin" in (refusal("localhost:8008", origin, None) or "")


def test_pages_of_its_own_and_of_named_sites_may_call() -> None:
    assert refusal("localhost:8008", "http://localhost:8008", LOOPBACK_NAMES) is None
    assert refusal("localhost:8008", "http://localhost:3000", LOOPBACK_NAMES, {"http://localhost:3000"}) is None
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "engine")] == [
        *(True, True, True, False, False)
    ]


def test_an_engine_on_this_machine_takes_nothing_from_a_page_of_another_site(engine: EngineProcess) -> None:
    health = "/api/loadtest/health"
    assert engine.http.get(health).status_code == 200
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        answer = engine.http.get(health, headers=headers)
        assert answer.status_code == 403
        assert answer.json()["success"] is False
    body = json.dumps({"testPlanPath": "uploads/testplans/x.jmx"})
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = engine.http.post("/api/loadtest/start", content=body, headers={"Content-Type": media_type})
        assert answer.status_code == 415
    assert (
        engine.http.post("/api/loadtest/start", content=body, headers={"Content-Type": "application/json"}).status_code
        == 400
    )


def test_a_name_that_is_set_is_taken_beside_those_of_the_loopback_interface(
    engine_on: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    with engine_on(tmp_path / "data", hosts="engine.test") as engine:
        for host, status in (("engine.test:1", 200), ("localhost", 200), ("evil.example", 403)):
            assert engine.http.get("/api/loadtest/health", headers={"Host": host}).status_code == status


def _environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def test_a_token_of_the_environment_is_gone_from_it_when_the_engine_runs(
    engine_on: Callable[..., EngineProcess], tmp_path: Path
) -> None:
    with engine_on(tmp_path / "data", token="s3cret-of-the-engine") as engine:
        assert engine.http.get("/api/loadtest/health").status_code == 401
        given = {"Authorization": "Bearer s3cret-of-the-engine"}
        assert engine.http.get("/api/loadtest/health", headers=given).status_code == 200
        if os.geteuid() == 0:
            content = _environment_of(engine.pid)
            assert b"TANDEM_ENGINE_PORT=0" in content
            assert b"s3cret" not in content
        else:
            with pytest.raises(PermissionError):
                _environment_of(engine.pid)
        assert b"s3cret" not in Path(f"/proc/{engine.pid}/cmdline").read_bytes()


@needs_root
def test_another_process_of_the_engines_user_cannot_look_into_it(tmp_path: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("there is no Python that other users can start")
    program = (
        "from tandem_engine.bearer_token import seal, take_token\nimport os, sys\n"
        "token = take_token(os.environ)\nif len(sys.argv) > 1: seal()\nprint(token, flush=True)\nsys.stdin.read()\n"
    )
    environment = {"PYTHONPATH": str(PROJECT / "engine"), "TANDEM_ENGINE_TOKEN": "s3cret", "SOMETHING": "else"}
    for sealed in (False, True):
        with subprocess.Popen(
            [python, "-c", program, *(["sealed"] if sealed else [])],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **_NOBODYS,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"s3cret\n"
            looks = {name: _look(process.pid, name) for name in ("environ", "maps", "fd/0")}
            if sealed:
                assert all(look.stdout == b"" and b"ermission denied" in look.stderr for look in looks.values()), looks
            else:
                assert b"SOMETHING" in looks["environ"].stdout
                assert b"s3cret" not in looks["environ"].stdout
            process.stdin.close()


def _look(pid: int, name: str) -> subprocess.CompletedProcess[bytes]:
    """What another process of the same user sees; the descriptor's file is looked at, not waited for."""
    command = ["ls", "-l"] if name.startswith("fd") else ["head", "-c", "1000"]
    return subprocess.run([*command, f"/proc/{pid}/{name}"], capture_output=True, check=False, timeout=10, **_NOBODYS)


def test_a_token_comes_from_one_place_and_is_one(tmp_path: Path) -> None:
    assert take_token({}) is None
    assert take_token({"TANDEM_ENGINE_TOKEN_FILE": "", "TANDEM_ENGINE_TOKEN": " "}) is None
    (tmp_path / "token").write_text(" abc \n")
    assert take_token({"TANDEM_ENGINE_TOKEN_FILE": str(tmp_path / "token")}) == "abc"
    read_end, write_end = os.pipe()
    os.write(write_end, b"def")
    os.close(write_end)
    assert take_token({"TANDEM_ENGINE_TOKEN_FD": str(read_end)}) == "def"
    (tmp_path / "token").write_text("two words")
    for wrong in (
        {"TANDEM_ENGINE_TOKEN_FILE": str(tmp_path / "token")},
        {"TANDEM_ENGINE_TOKEN_FILE": str(tmp_path / "none")},
        {"TANDEM_ENGINE_TOKEN_FD": "x"},
        {"TANDEM_ENGINE_TOKEN_FD": "99999"},
        {"TANDEM_ENGINE_TOKEN": "a b"},
        {"TANDEM_ENGINE_TOKEN": "a", "TANDEM_ENGINE_TOKEN_FILE": "b"},
    ):
        with pytest.raises(SettingsError, match="TANDEM_ENGINE_TOKEN"):
            take_token(wrong)


def test_a_heap_that_the_machine_has_not_got_is_refused_by_its_field() -> None:
    check_heap("1g", {"-Xmx": "1g"}, 1024**3)
    with pytest.raises(BadArgument, match="heapSize must be at most 1024m on this engine, not 1025m"):
        check_heap("1025m", {}, 1024**3)
    with pytest.raises(BadArgument, match=r"jvmArgs\.-Xmx must be at most"):
        check_heap("1g", {"-Xmx": "2G"}, 1024**3)
    assert 256 * 1024**2 < limits.memory_of_machine() < 1 << 50


def test_no_run_starts_on_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    check_disk(tmp_path, 0)
    with pytest.raises(Full, match="MB free, a start needs") as caught:
        check_disk(tmp_path, 1 << 60)
    assert caught.value.retry_after == 60


def test_a_run_goes_on_as_long_as_there_is_room(tmp_path: Path) -> None:
    results = tmp_path / "results.jtl"
    assert no_more_room(results, 10, 0) is None
    results.write_bytes(b"0123456789")
    assert no_more_room(results, 10, 0) is None
    assert no_more_room(results, 9, 0) is EndCause.RESULT_SIZE
    assert no_more_room(results, 10, 1 << 60) is EndCause.DISK_FULL


def test_a_run_whose_results_grow_too_large_is_ended_and_says_so(
    engine_on: Callable[..., EngineProcess], tmp_path: Path, sleep_plan: Path
) -> None:
    launcher = tmp_path / "bin" / "jmeter"
    launcher.parent.mkdir()
    launcher.write_text(_ENDLESS_LAUNCHER)
    launcher.chmod(0o755)
    engine = engine_on(tmp_path / "data", max_result_bytes="20000")
    engine.forget_jmeter_home(path=str(launcher.parent))
    with engine:
        ended = engine.ended(engine.run(sleep_plan))
        assert ended["status"] == "FAILED"
        assert "as large as the engine lets one grow" in ended["errorMessage"]


# Writes samples as JMeter does, without an end.
_ENDLESS_LAUNCHER = r"""#!/bin/sh
for argument; do
    case "$before" in -l) results=$argument;; esac
    before=$argument
done
printf 'timeStamp,elapsed,label,responseCode,success,threadName,allThreads\n' >"$results"
while :; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do printf '%s000,1,a,200,true,Users 1-1,1\n' "$(date +%s)" >>"$results"; done
    sleep 0.02
done
"""


def test_an_engine_refuses_what_it_has_no_room_for(
    engine_on: Callable[..., EngineProcess], tmp_path: Path, sleep_plan: Path
) -> None:
    with engine_on(tmp_path / "data", max_heap="256m", min_free_bytes=str(1 << 49)) as engine:
        plan = engine.upload(sleep_plan)
        answer = engine.http.post("/api/loadtest/start", json={"testPlanPath": plan, "heapSize": "300m"})
        assert (answer.status_code, "heapSize must be at most 256m" in answer.json()["error"]) == (400, True)
        answer = engine.http.post("/api/loadtest/start", json={"testPlanPath": plan, "heapSize": "128m"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert engine.get("/api/loadtest/list") == []
