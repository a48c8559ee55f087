"""The engine's shapes, paths and settings, read leniently where a fault costs nothing."""

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from tandem.adapters.engine.multipart import FilePart
from tandem.adapters.engine.result_path import result_file_target
from tandem.adapters.engine.settings import EngineSettings
from tandem.adapters.engine.wire import (
    MetricsWire,
    RunWire,
    read,
    read_events,
    read_runs,
    relative_to_data_root,
    start_body,
    status_of,
    utc_time,
)
from tandem.domain.errors import EngineAnsweredWrongly, InvalidValue
from tandem.domain.generator_health import GeneratorHealth
from tandem.domain.live_metrics import GroupCounts, RecentFigures, TopError
from tandem.domain.load_engine import EngineStatus, FileBeside, StartLoad
from tandem_samples import GroupKind, ThreadGroup

RECORDED = json.loads(
    '{"executionId":"b44f91f3","testName":"API性能测试6","description":null,'
    '"testPlanPath":"uploads/testplans/tt_1_20250819_084023_f49790cb.jmx","containerId":"b5df",'
    '"containerName":"jmeter-test-b44f91f3","status":"RUNNING","startTime":"2025-08-20T13:25:39.08856","endTime":null,'
    '"resultPath":"results/20250820_132539_b44f91f3/results.jtl","reportPath":"reports/20250820_132539_b44f91f3",'
    '"logPath":"results/20250820_132539_b44f91f3/jmeter.log","parameters":{"duration":null,"threads":10},'
    '"errorMessage":null}'
)


def test_a_recorded_run_is_read() -> None:
    run = read(RunWire, RECORDED, "reading").to_run(UTC)
    assert run.status is EngineStatus.RUNNING
    assert run.test_name == "API性能测试6"
    assert run.started_at == datetime(2025, 8, 20, 13, 25, 39, 88560, UTC)
    assert run.ended_at is None
    assert run.result_path == "results/20250820_132539_b44f91f3/results.jtl"


def test_null_members_may_be_left_out() -> None:
    lean = {key: value for key, value in RECORDED.items() if value is not None}
    assert read(RunWire, lean, "reading") == read(RunWire, RECORDED, "reading")


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"executionId": "a"},
        {"status": "RUNNING"},
        {"executionId": 7, "status": "RUNNING"},
        {"executionId": "", "status": "RUNNING"},
        {"executionId": "a", "status": None},
        [],
        None,
        "x",
    ],
)
def test_a_run_without_id_or_state_is_wrong(broken: object) -> None:
    with pytest.raises(EngineAnsweredWrongly):
        read(RunWire, broken, "reading")


def test_one_broken_item_spoils_no_list() -> None:
    runs = read_runs([{"executionId": "a", "status": "RUNNING", "testName": 7}, {"x": 1}, None, RECORDED], UTC)
    assert [run.execution_id for run in runs] == ["a", "b44f91f3"]
    with pytest.raises(EngineAnsweredWrongly):
        read_runs({"a": 1}, UTC)


@pytest.mark.parametrize(
    ("word", "status"),
    [("RUNNING", EngineStatus.RUNNING), ("completed", EngineStatus.COMPLETED), ("PAUSED", EngineStatus.UNKNOWN)],
)
def test_an_unknown_word_is_no_error(word: str, status: EngineStatus) -> None:
    assert status_of(word) is status


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2025-08-19T08:14:55", UTC, datetime(2025, 8, 19, 8, 14, 55, tzinfo=UTC)),
        ("2025-08-19T08:14:55.123456789", UTC, datetime(2025, 8, 19, 8, 14, 55, 123456, UTC)),
        ("2025-08-19T16:14:55", ZoneInfo("Asia/Shanghai"), datetime(2025, 8, 19, 8, 14, 55, tzinfo=UTC)),
        ("2025-08-19T16:14:55+08:00", UTC, datetime(2025, 8, 19, 8, 14, 55, tzinfo=UTC)),
        ("2025-08-19T08:14:55Z", timezone(timedelta(hours=8)), datetime(2025, 8, 19, 8, 14, 55, tzinfo=UTC)),
        ("0001-01-01T00:00:00", timezone(timedelta(hours=8)), None),
        ("yesterday", UTC, None),
        (None, UTC, None),
    ],
)
def test_times_without_zone_are_in_the_engines(text: str | None, zone: tzinfo, expected: datetime | None) -> None:
    assert utc_time(text, zone) == expected


def test_metrics_fill_in_what_is_left_out() -> None:
    metrics = read(MetricsWire, {"totalRequests": 200, "errorCount": 50}, "reading").to_metrics()
    assert (metrics.success_count, metrics.error_rate, metrics.at) == (150, 0.25, None)
    nothing = read(MetricsWire, {"totalRequests": 0}, "reading").to_metrics()
    assert (nothing.error_count, nothing.error_rate) == (0, 0.0)
    from_successes = read(MetricsWire, {"totalRequests": 10, "successCount": 7}, "reading").to_metrics()
    assert from_successes.error_count == 3


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"totalRequests": -1},
        {"totalRequests": "many"},
        {"totalRequests": True},
        {"totalRequests": 1, "errorRate": 37.5},
        {"totalRequests": 1, "throughput": float("nan")},
        {"totalRequests": 1, "throughput": -5},
    ],
)
def test_impossible_figures_spoil_metrics(broken: object) -> None:
    with pytest.raises(EngineAnsweredWrongly):
        read(MetricsWire, broken, "reading")


def test_events_are_in_time_order_and_keep_odd_lines() -> None:
    lines = ['{"ts": 20, "type": "ENDED"}', "no JSON", '{"ts": 10, "type": "STARTED", "message": "x"}', {"ts": 15}]
    events = read_events(lines)
    assert [event.at_ms for event in events] == [0, 10, 15, 20]
    assert events[0].message == "no JSON"
    assert events[1].type == "STARTED"
    assert read_events(None) == []


def test_a_start_leaves_out_what_is_not_set() -> None:
    lean = json.loads(start_body(StartLoad(test_name="tandem t1", plan_path="p.jmx")))
    assert lean == {"testName": "tandem t1", "testPlanPath": "p.jmx"}
    whole = StartLoad("n", "p.jmx", "d", 1, 2, 0, 60, 180, "1g", {"k": "v"}, {"a": "b"})
    assert json.loads(start_body(whole)) == {
        "testName": "n",
        "testPlanPath": "p.jmx",
        "description": "d",
        "threads": 1,
        "loops": 2,
        "rampUp": 0,
        "duration": 60,
        "timeout": 180,
        "heapSize": "1g",
        "properties": {"k": "v"},
        "jvmArgs": {"a": "b"},
    }
    beside = FileBeside("/data/uploads/once/a_1.bin", "a.bin")
    ours = StartLoad("n", "p.jmx", files=(beside,), respect_loops=True, set_up_limit=600, tear_down_limit=0)
    assert json.loads(start_body(ours)) == {
        "testName": "n",
        "testPlanPath": "p.jmx",
        "files": [{"path": "/data/uploads/once/a_1.bin", "name": "a.bin"}],
        "respectLoops": True,
        "setUpLimitSec": 600,
        "tearDownLimitSec": 0,
    }


@pytest.mark.parametrize(
    ("told", "relative"),
    [
        ("/data/uploads/testplans/x.jmx", "uploads/testplans/x.jmx"),
        ("/srv/uploads/one/uploads/testplans/x.jmx", "uploads/testplans/x.jmx"),
        ("uploads/testplans/x.jmx", "uploads/testplans/x.jmx"),
    ],
)
def test_a_plan_is_started_by_its_path_under_the_data_root(told: str, relative: str) -> None:
    assert relative_to_data_root(told) == relative


@pytest.mark.parametrize("path", ["results/20250820_ab/results.jtl", "/results/20250820_ab/results.jtl"])
def test_a_result_path_becomes_a_target_on_the_engine(path: str) -> None:
    assert result_file_target(path) == "/results/20250820_ab/results.jtl"


def test_a_result_path_is_quoted() -> None:
    assert result_file_target("results/压测 1/results.jtl") == "/results/%E5%8E%8B%E6%B5%8B%201/results.jtl"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "results",
        "results/",
        "results//x",
        "//evil.example/results/x",
        "http://evil.example/results/x",
        "results/../api/loadtest/start",
        "results/./x",
        "results/%2e%2e/x",
        "results/x?y",
        "results/x#y",
        "results/a\\b",
        "results/a\r\nHost: evil",
        "etc/passwd",
        "results/" + "x" * 2000,
    ],
)
def test_a_result_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(EngineAnsweredWrongly):
        result_file_target(path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8008",
        "ftp://x",
        "http://",
        "http://x:99999",
        "http://x/?a=1",
        "http://u:p@x",
        "http://a b",
        "http://a..b",
        "http://x/ü",
        "http://" + "x" * 70,
    ],
)
def test_a_base_url_that_cannot_be_asked_is_named(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        EngineSettings(base_url=url)
    assert caught.value.details[0].field == "base_url"


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "ü"])
def test_a_token_that_cannot_be_sent_is_named_but_not_told(token: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        EngineSettings(base_url="http://x", token=token)
    assert caught.value.details[0].field == "token"
    assert not token or token not in caught.value.message


def test_a_token_is_not_in_the_settings_text() -> None:
    assert "s3cret" not in repr(EngineSettings(base_url="http://x", token="s3cret"))


@pytest.mark.parametrize(
    ("url", "host", "port", "prefix"),
    [
        ("http://localhost:8008", "localhost", 8008, ""),
        ("https://engine.example/", "engine.example", 443, ""),
        ("http://[::1]:80/jmeter/", "::1", 80, "/jmeter"),
    ],
)
def test_a_base_url_is_taken_apart(url: str, host: str, port: int, prefix: str) -> None:
    settings = EngineSettings(base_url=url)
    assert (settings.host, settings.port, settings.path_prefix) == (host, port, prefix)


def test_a_file_name_cannot_break_out_of_its_part() -> None:
    whole = b"".join(FilePart('a"b\r\nX: y.jmx', [b"one", b"", b"two"])).decode()
    assert 'filename="a%22b%0D%0AX: y.jmx"\r\n' in whole
    assert "\r\n\r\nonetwo\r\n--" in whole


def test_the_thread_groups_of_a_run_are_read() -> None:
    told = [{"name": "Users", "kind": "MAIN"}, {"name": "准备", "kind": "SETUP"}]
    run = read(RunWire, {**RECORDED, "threadGroups": told}, "reading").to_run(UTC)
    assert run.thread_groups == (ThreadGroup("Users", GroupKind.MAIN), ThreadGroup("准备", GroupKind.SETUP))


@pytest.mark.parametrize(
    "told", [None, "x", {}, [1], [{"name": "a"}], [{"name": 1, "kind": "MAIN"}], [{"name": "a", "kind": "X"}]]
)
def test_thread_groups_that_make_no_sense_are_unknown(told: object) -> None:
    assert read(RunWire, {**RECORDED, "threadGroups": told}, "reading").to_run(UTC).thread_groups == ()


def test_the_figures_that_our_engine_adds_are_read() -> None:
    told = {
        "totalRequests": 71,
        "recent": {"seconds": 3, "samples": 54, "errors": 27, "errorRate": 0.5, "requestsPerSec": 18.0, "p95": 31},
        "wholeSeconds": 4,
        "topError": {"code": "503", "message": "x" * 1000, "count": 27},
        "setUp": {"samples": 2, "errors": 1},
        "tearDown": {"samples": 0, "errors": 0},
        "untoldSamples": 1,
        "groupsKnown": True,
        "generator": {"cores": 2, "cpuMean": 0.25, "threadDeaths": 1, "firstDeath": "java.lang.OutOfMemoryError"},
    }
    metrics = read(MetricsWire, told, "reading").to_metrics()
    assert metrics.recent == RecentFigures(3, 54, 27, 0.5, 18.0, 31)
    assert (metrics.whole_seconds, metrics.set_up, metrics.untold_samples) == (4, GroupCounts(2, 1), 1)
    assert metrics.top_error == TopError("503", "x" * 300, 27)
    assert metrics.generator == GeneratorHealth(
        cores=2, cpu_mean=0.25, thread_deaths=1, first_death="java.lang.OutOfMemoryError"
    )


def test_a_deployed_engine_tells_none_of_them() -> None:
    metrics = read(MetricsWire, {"totalRequests": 5}, "reading").to_metrics()
    assert (metrics.recent, metrics.whole_seconds, metrics.top_error, metrics.generator) == (None,) * 4


@pytest.mark.parametrize(
    "broken", [{"seconds": 3, "samples": -1}, {"seconds": 3, "samples": 2, "errorRate": 7}, {"seconds": "3"}]
)
def test_recent_figures_that_cannot_be_spoil_the_answer(broken: dict[str, object]) -> None:
    with pytest.raises(EngineAnsweredWrongly):
        read(MetricsWire, {"totalRequests": 5, "recent": broken}, "reading")


def test_a_generators_health_that_is_not_understood_spoils_no_state() -> None:
    run = read(RunWire, {**RECORDED, "generator": {"cores": "many"}}, "reading").to_run(UTC)
    assert (run.status, run.generator) == (EngineStatus.RUNNING, None)
    well = read(RunWire, {**RECORDED, "generator": {"threadDeaths": 3, "more": 1}}, "reading").to_run(UTC)
    assert well.generator == GeneratorHealth(thread_deaths=3)
