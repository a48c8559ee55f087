"""The wire: envelopes, refusals, uploads and files, of an engine that runs nothing."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.conftest import PLANS
from tests.engine.engine_process import EngineProcess

PLAN = (PLANS / "java_sampler.jmx").read_bytes()


@pytest.fixture(scope="module")
def idle(jmeter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("idle") / "data", jmeter_home, max_upload_bytes="200000") as engine:
        yield engine


def _refusal(answer: httpx.Response, status: int) -> str:
    """The sentence of a refusal, after a look at its envelope."""
    body: dict[str, Any] = answer.json()
    assert answer.status_code == status, body
    assert set(body) == {"success", "message", "data", "error"}
    assert (body["success"], body["data"]) == (False, None)
    assert isinstance(body["error"], str)
    return body["error"]


def _upload(
    engine: EngineProcess, name: str, content: bytes = PLAN, path: str = "testplan", **fields: str
) -> httpx.Response:
    return engine.http.post(f"/api/files/upload{path and '/' + path}", files={"file": (name, content)}, data=fields)


def _uploads(engine: EngineProcess) -> list[Path]:
    return [path for path in (engine.data / "uploads").rglob("*") if path.is_file()]


def test_health_counts_the_runs_that_run(idle: EngineProcess) -> None:
    data = idle.get("/api/loadtest/health")
    assert (data["status"], data["runningTests"]) == ("UP", 0)
    assert isinstance(data["timestamp"], int)


@pytest.mark.parametrize(
    "path",
    [
        "/api/loadtest/status/00000000",
        "/api/loadtest/results/00000000",
        "/api/loadtest/events/00000000",
        "/api/loadtest/summary/00000000",
        "/api/metrics/00000000",
        "/api/metrics/stream/00000000",
        "/results/nothing/results.jtl",
        "/reports/nothing/index.html",
        "/uploads/testplans/nothing.jmx",
        "/nothing",
        "/",
        "/api/loadtest/list/",
    ],
)
def test_what_is_unknown_is_404_in_the_envelope(idle: EngineProcess, path: str) -> None:
    _refusal(idle.http.get(path), 404)


def test_a_wrong_method_is_405_in_the_envelope(idle: EngineProcess) -> None:
    answer = idle.http.get("/api/loadtest/start")
    _refusal(answer, 405)
    assert "POST" in answer.headers["allow"]


def test_stopping_an_unknown_execution_is_400(idle: EngineProcess) -> None:
    assert "00000000" in _refusal(idle.http.post("/api/loadtest/stop/00000000"), 400)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b"{}" + b" " * 2_000_000]
)
def test_a_body_that_cannot_be_read_is_400(idle: EngineProcess, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    _refusal(idle.http.post("/api/loadtest/start", content=body, headers=headers), 400)


def test_a_refused_start_names_all_fields_and_leaves_no_record(idle: EngineProcess) -> None:
    said = _refusal(idle.http.post("/api/loadtest/start", json={"threads": 0, "timeout": 1}), 400)
    assert "testPlanPath is required" in said
    assert "threads must be" in said
    assert "timeout must be" in said
    assert idle.get("/api/loadtest/list") == []
    assert list((idle.data / "results").iterdir()) == []


def test_a_plan_outside_the_data_root_or_unknown_is_400(idle: EngineProcess, tmp_path: Path) -> None:
    outside = tmp_path / "outside.jmx"
    outside.write_bytes(PLAN)
    (idle.data / "uploads" / "testplans" / "link.jmx").symlink_to(outside)
    try:
        for path in (
            "uploads/testplans/nothing.jmx",
            "uploads/testplans",
            "../outside.jmx",
            f"../../{outside.relative_to('/')}",
            str(outside),
            "/etc/passwd",
            "/data/../etc/passwd",
            "/data//etc/passwd",
            "uploads/testplans/link.jmx",
            "x" * 4000,
            "uploads/" + "x/" * 1000,
        ):
            assert "testPlanPath" in _refusal(idle.http.post("/api/loadtest/start", json={"testPlanPath": path}), 400)
    finally:
        (idle.data / "uploads" / "testplans" / "link.jmx").unlink()
    assert idle.get("/api/loadtest/list") == []


def test_a_file_that_is_no_plan_is_400_and_says_why(idle: EngineProcess) -> None:
    path = _upload(idle, "no.jmx", b"<project/>").json()["data"]["uploadPath"]
    said = _refusal(idle.http.post("/api/loadtest/start", json={"testPlanPath": path}), 400)
    assert "root element is <project>" in said


def test_an_upload_answers_where_it_lies_and_what_it_was(idle: EngineProcess) -> None:
    data = _upload(idle, "My plan é.JMX").json()["data"]
    assert set(data) == {
        *("fileName", "originalFileName", "fileType", "fileSize", "uploadPath", "accessUrl", "uploadTime"),
    }
    assert (data["originalFileName"], data["fileType"], data["fileSize"]) == ("My plan é.JMX", "jmx", len(PLAN))
    assert Path(data["uploadPath"]).read_bytes() == PLAN
    assert Path(data["uploadPath"]).name == data["fileName"]
    assert idle.http.get(data["accessUrl"]).content == PLAN
    assert data["uploadPath"] in idle.get("/api/files/list")["testplans"]


@pytest.mark.parametrize(
    ("path", "category", "name", "place"),
    [
        ("data", None, "users.csv", "data"),
        ("data", None, "users.properties", "data"),
        ("data", None, "body.bin", "data"),
        ("data", None, "keys", "data"),
        ("data", None, "fragment.jmx", "data"),
        ("", "testplan", "x.jmx", "testplans"),
        ("", "jmx", "x.jmx", "testplans"),
        ("", "csv", "x.txt", "data"),
        ("", "data", "x.json", "data"),
        ("", "MISC", "x.xml", "misc"),
        ("", None, "x.xml", "misc"),
    ],
)
def test_an_upload_goes_where_its_category_says(
    idle: EngineProcess, path: str, category: str | None, name: str, place: str
) -> None:
    fields = {} if category is None else {"category": category}
    data = _upload(idle, name, b"content", path, **fields).json()["data"]
    assert Path(data["uploadPath"]).parent == idle.data / "uploads" / place


@pytest.mark.parametrize(
    ("name", "content", "path", "fields", "said"),
    [
        ("x.jmx", b"", "testplan", {}, "file is empty"),
        ("x.csv", PLAN, "testplan", {}, "ends in .jmx"),
        ("jmx", PLAN, "testplan", {}, "ends in .jmx"),
        ("x.jmx.", PLAN, "testplan", {}, "ends in .jmx"),
        ("x.csv", b"a", "", {"category": "elsewhere"}, "category must be one of"),
        ("x.csv", b"a", "", {"category": "testplan"}, "ends in .jmx"),
        ("x.jmx", b"x" * 200_001, "testplan", {}, "larger than 200000 bytes"),
        ("x.jmx", b"x" * 900_000, "testplan", {}, "larger than 200000 bytes"),
    ],
)
def test_a_refused_upload_says_why_and_leaves_nothing(
    idle: EngineProcess, name: str, content: bytes, path: str, fields: dict[str, str], said: str
) -> None:
    before = _uploads(idle)
    assert said in _refusal(_upload(idle, name, content, path, **fields), 400)
    assert _uploads(idle) == before


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/xml", PLAN),
        ("multipart/form-data", PLAN),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"nonsense"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.jmx"\r\n\r\nhalf',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="other"; filename="x.jmx"\r\n\r\nx\r\n--b--\r\n',
        ),
        ("multipart/form-data; boundary=" + "b" * 1000, b"--b--"),
    ],
)
def test_a_multipart_body_that_is_wrong_or_cut_off_is_400_and_leaves_nothing(
    idle: EngineProcess, content_type: str, body: bytes
) -> None:
    before = _uploads(idle)
    headers = {"Content-Type": content_type}
    _refusal(idle.http.post("/api/files/upload/testplan", content=body, headers=headers), 400)
    assert _uploads(idle) == before


def test_a_caller_who_goes_away_during_an_upload_leaves_nothing(idle: EngineProcess) -> None:
    before = _uploads(idle)
    with socket.create_connection((idle.http.base_url.host, idle.http.base_url.port or 0), timeout=5) as caller:
        head = "POST /api/files/upload/testplan HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        caller.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode())
    _upload(idle, "after.jmx")
    assert len(_uploads(idle)) == len(before) + 1


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x.csv", "..\\..\\x.csv", "/abs/x.csv", ".x.csv", "a\nb;rm.csv"])
def test_a_hostile_file_name_stays_in_its_directory(idle: EngineProcess, name: str) -> None:
    path = Path(_upload(idle, name, b"a", "data").json()["data"]["uploadPath"])
    assert path.parent == idle.data / "uploads" / "data"
    assert path.is_file()


@pytest.mark.parametrize(
    "path",
    [
        "/results/%2e%2e/engine.lock",
        "/results/..%2fengine.lock",
        "/reports/%2e%2e/engine.lock",
        "/reports/..%2f..%2f..%2fetc%2fpasswd",
        "/reports//etc/passwd",
        "/reports/x%00y",
        "/uploads/%2e%2e/engine.lock",
        "/uploads/..%2fengine.lock",
    ],
)
def test_files_outside_what_is_served_are_404(idle: EngineProcess, path: str) -> None:
    _refusal(idle.http.get(path), 404)


def test_the_state_of_an_execution_is_not_served(idle: EngineProcess) -> None:
    directory = idle.data / "results" / "20260101_000000_deadbeef"
    directory.mkdir()
    for name in ("execution.json", "events.jsonl", "results.jtl"):
        (directory / name).write_text("x")
    _refusal(idle.http.get(f"/results/{directory.name}/execution.json"), 404)
    _refusal(idle.http.get(f"/results/{directory.name}/events.jsonl"), 404)
    assert idle.http.get(f"/results/{directory.name}/results.jtl").text == "x"
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=5-", 206, b"56789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=5-3", 416, b""),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
    ],
)
def test_a_file_is_served_by_ranges(idle: EngineProcess, asked: str, status: int, content: bytes) -> None:
    url = _upload(idle, "digits.txt", b"0123456789", "data").json()["data"]["accessUrl"]
    answer = idle.http.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, content)
    assert idle.http.head(url).headers["content-length"] == "10"


def test_with_a_token_every_request_needs_it(engine_on: Callable[..., EngineProcess], tmp_path: Path) -> None:
    with engine_on(tmp_path / "data", token="s3cret") as engine:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
            answer = engine.http.get("/api/loadtest/health", headers=headers)
            _refusal(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        right = engine.http.get("/api/loadtest/health", headers={"Authorization": "Bearer s3cret"})
        assert right.json()["data"]["status"] == "UP"
        assert "s3cret" not in engine.log()


def test_a_data_directory_that_has_gone_is_a_500_and_the_engine_lives_on(idle: EngineProcess) -> None:
    uploads, aside = idle.data / "uploads", idle.data / "aside"
    uploads.rename(aside)
    try:
        assert "No such file" in _refusal(_upload(idle, "x.csv", b"a", "data"), 500)
        assert "No such file" in _refusal(idle.http.get("/api/files/list"), 500)
    finally:
        aside.rename(uploads)
    assert idle.get("/api/loadtest/health")["status"] == "UP"


def test_the_log_is_one_json_object_a_line(idle: EngineProcess) -> None:
    lines = idle.log().splitlines()
    assert lines
    assert all({"at", "level", "event"} <= set(json.loads(line)) for line in lines)
