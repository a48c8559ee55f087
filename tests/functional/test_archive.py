"""Ended runs are kept in S3, and answered from there."""

import gzip
import importlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from tandem.adapters.aws import run_archive
from tandem.adapters.aws.run_archive import S3RunArchive
from tandem.bootstrap import application
from tandem.domain.archive import ArchivedFile, ArchivePart
from tandem.domain.engine_entry import DEFAULT_ENGINE
from tandem.domain.errors import DashboardPending
from tandem.domain.experiment_run import ExperimentRun
from tandem.domain.limits import Limits
from tandem.domain.messages import EventName
from tandem.domain.task import TaskStatus

from tests.factories.kept_tasks import end, finish, open_window, pending_task, report_fault, running_task, save
from tests.fakes.engine_traps import Traps
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import BUCKET, Api, stored_objects

RESULTS = ArchivedFile(ArchivePart.RESULTS)
KEPT = [f"archive/ldtask_1/{name}" for name in ("analysis.json", "report.html", "results.jtl.gz")]


def ended_run(engine: TrapEngine) -> ExperimentRun:
    """60 s of load with a window from the 20th to the 40th second; everything is over."""
    engine.set_traps(Traps(throughput=20.0, error_rate=0.02))
    run = running_task(engine)
    engine.advance(61)
    open_window(run, 20)
    finish(run, 40)
    end(run, TaskStatus.SUCCEEDED, 61)
    return run


def archive(name: str = "1") -> bool:
    """Deliver the event that task ``name`` ended, as SQS does; whether it was taken."""
    detail = {"experimentTaskId": f"et-{name}", "taskId": f"ldtask_{name}"}
    record = {"messageId": "m-1", "body": json.dumps({"source": "tandem", "detail": detail})}
    handler = importlib.import_module("functions.events.on_task_state_changed").handler
    answer = handler({"Records": [record]}, None)
    return bool(answer == {"batchItemFailures": []})


def stored(key: str) -> bytes:
    body: bytes = boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return body


def announcements() -> list[dict[str, Any]]:
    """The bodies of all reports announced in the outbox and not delivered yet."""
    far = application().clock.now() + timedelta(days=1)
    waiting = application().database.write(lambda uow: uow.outbox.claim(1000, far, far))
    return [dict(each.message.body) for each in waiting if each.message.topic == EventName.REPORT_READY]


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch, settings: pytest.MonkeyPatch) -> None:
    """Messages stay in the outbox, where the test can see them."""
    monkeypatch.setattr(type(application().deliver), "__call__", lambda _self: None)


def test_an_archived_run_answers_the_same_when_the_engine_is_gone(api: Api, engine: TrapEngine) -> None:
    run = ended_run(engine)
    report_fault(run, 20, 40)
    live = api.get("get_load_test_results", taskId="ldtask_1").result
    series = api.get("get_load_test_timeseries", taskId="ldtask_1").result
    fine = api.get("get_load_test_timeseries", taskId="ldtask_1", bucketMs=500).result
    with application().engines.of(DEFAULT_ENGINE).open_result_file(str(run.started_task.result_path)) as chunks:
        samples = b"".join(chunks)

    assert archive()
    engine.go_down()

    assert stored_objects() == KEPT
    assert gzip.decompress(stored(KEPT[2])) == samples
    kept = api.get("get_load_test_results", taskId="ldtask_1").result
    assert live["archive"] is None
    assert {**kept, "archive": None, "comparison": None} == live
    assert kept["comparison"]["outcome"] == "NOT_ENOUGH_RUNS"
    assert api.get("get_load_test_timeseries", taskId="ldtask_1").result == series
    assert api.get("get_load_test_timeseries", taskId="ldtask_1", bucketMs=500).result == fine
    page = api.get("get_load_test_report", taskId="ldtask_1").text
    assert '"type\\":\\"STARTED\\"' in page or "STARTED" in page
    assert kept["verdict"]["status"] in stored(KEPT[1]).decode()


def test_links_are_signed_for_an_hour_and_name_the_file(api: Api, engine: TrapEngine) -> None:
    ended_run(engine)
    archive()

    kept = api.get("get_load_test_results", taskId="ldtask_1").result["archive"]

    assert kept["dashboardUrl"] is None
    for name, part in (("resultUrl", "results.jtl.gz"), ("analysisUrl", "analysis.json"), ("reportUrl", "report.html")):
        link = urlsplit(kept[name])
        query = parse_qs(link.query)
        assert link.scheme == "https"
        assert link.path.endswith(f"/archive/ldtask_1/{part}")
        assert query["X-Amz-Expires"] == ["3600"]
        assert query["response-content-disposition"] == [f'attachment; filename="ldtask_1-{part}"']
    assert kept["archivedAt"] < kept["expiresAt"]


@pytest.mark.usefixtures("quiet")
def test_a_repeat_makes_nothing_anew_and_says_nothing_twice(api: Api, engine: TrapEngine) -> None:
    ended_run(engine)
    assert archive()
    before = stored(KEPT[0])
    engine.go_down()

    assert archive()

    assert stored(KEPT[0]) == before
    told = announcements()
    assert [each["experimentTaskId"] for each in told] == ["et-1"]
    verdict = json.loads(before)["verdict"]["status"]
    assert told[0]["verdict"] == verdict
    assert api.get("get_load_test_task", taskId="ldtask_1").result["verdict"] == verdict


def test_a_fault_window_that_becomes_known_later_is_used_at_once_and_archived_anew(
    api: Api, engine: TrapEngine
) -> None:
    run = ended_run(engine)
    archive()
    began = run.created_at + timedelta(seconds=25)
    run.learn_fault_window(began, began + timedelta(seconds=5), began + timedelta(minutes=2))
    assert [message.topic for message in run.messages] == [EventName.RESULTS_OUTDATED]
    save(run)

    fresh = api.get("get_load_test_results", taskId="ldtask_1").result
    assert fresh["archive"] is None
    assert fresh["faultWindow"]["startFrom"] == "TOLD"
    engine.go_down()
    assert archive()
    kept = api.get("get_load_test_results", taskId="ldtask_1").result

    assert kept["phases"] == fresh["phases"]
    assert kept["archive"] is not None


def test_a_load_that_may_go_on_is_archived_later(api: Api, engine: TrapEngine) -> None:
    run = running_task(engine)
    engine.advance(5)
    end_of_patience = run.created_at + timedelta(hours=1)
    run.pass_deadline(end_of_patience)
    save(run)

    assert archive()
    assert stored_objects() == []
    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert (results["final"], results["verdict"]) == (False, None)
    run.confirm_stop(end_of_patience)
    assert [message.topic for message in run.messages] == [EventName.RESULTS_OUTDATED]
    save(run)

    assert archive()
    assert stored_objects() == KEPT


@pytest.mark.usefixtures("quiet")
def test_a_death_between_keeping_and_announcing_loses_no_announcement(
    api: Api, engine: TrapEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_run(engine)

    def die(*_given: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(ExperimentRun, "announce_report", die)
        with pytest.raises(SystemExit):
            archive()
    assert announcements() == []
    assert archive()
    assert len(announcements()) == 1


def test_an_engine_that_is_gone_for_good_leaves_a_run_that_says_so(api: Api, engine: TrapEngine) -> None:
    run = ended_run(engine)
    engine.go_down()
    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert (results["final"], results["verdict"], results["missingParts"]) == (False, None, ["default"])
    assert api.get("get_load_test_timeseries", taskId="ldtask_1").result["throughput"] == []
    assert not archive()

    long_ago(run)

    assert not archive(), "it is tried again: the engine may come back"
    assert stored_objects() == KEPT[:2]
    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert [reason["code"] for reason in results["verdict"]["reasons"]] == ["PART_MISSING"]
    assert (results["final"], results["summary"], results["missingParts"]) == (True, None, ["default"])
    assert api.get("get_load_test_task", taskId="ldtask_1").result["verdict"] == "INCONCLUSIVE"
    assert api.get("get_load_test_events", taskId="ldtask_1").status == 200
    assert api.get("get_load_test_report", taskId="ldtask_1").status == 200

    engine.come_up()
    assert archive()
    assert stored_objects() == KEPT
    results = api.get("get_load_test_results", taskId="ldtask_1").result
    assert (results["missingParts"], results["summary"]["samples"] > 0) == ([], True)


def long_ago(run: ExperimentRun) -> None:
    """Let the run have ended an hour ago."""
    task = run.started_task
    assert task.end_time is not None
    task.end_time -= timedelta(hours=1)
    save(run)


def test_an_engine_that_is_down_is_asked_again_later(api: Api, engine: TrapEngine) -> None:
    ended_run(engine)
    engine.go_down()
    assert not archive()
    assert stored_objects() == []
    engine.come_up()
    assert archive()


def test_what_has_not_ended_or_is_not_known_is_left_alone(api: Api, engine: TrapEngine) -> None:
    running_task(engine)
    assert archive()
    assert archive("unknown")
    assert stored_objects() == []


def test_a_load_that_never_ran_has_a_report_and_no_samples(api: Api) -> None:
    end(pending_task(), TaskStatus.FAILED, 1, "the engine refused it")

    assert archive()

    assert stored_objects() == KEPT[:2]
    assert "has not been started" in stored(KEPT[1]).decode()
    assert api.get("get_load_test_results", taskId="ldtask_1").result["archive"] is None


def test_without_the_archive_the_engine_is_asked(api: Api, engine: TrapEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    ended_run(engine)
    archive()

    def refuse(**_given: object) -> object:
        raise EndpointConnectionError(endpoint_url="s3")

    monkeypatch.setattr(application().aws.s3, "get_object", refuse)

    results = api.get("get_load_test_results", taskId="ldtask_1").result

    assert (results["archive"], results["summary"]["samples"] > 0) == (None, True)


def test_a_document_of_another_format_is_as_if_it_were_not_there(api: Api, engine: TrapEngine) -> None:
    ended_run(engine)
    archive()
    boto3.client("s3").put_object(Bucket=BUCKET, Key=KEPT[0], Body=b'{"format": 99}')

    assert api.get("get_load_test_results", taskId="ldtask_1").result["archive"] is None
    archive()
    assert api.get("get_load_test_results", taskId="ldtask_1").result["archive"] is not None


def kept_samples(store: S3RunArchive) -> bytes:
    found = store.samples("ldtask_9", 1)
    assert found is not None
    return b"".join(found)


def test_a_large_file_is_stored_in_pieces_and_whole_or_not_at_all(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_archive, "PIECE_BYTES", 5 * 1024 * 1024)
    store = S3RunArchive(application().aws, BUCKET)
    line = [random.Random(1).randbytes(1 << 20) for _ in range(12)]

    def cut_off() -> Any:
        yield from line
        raise ConnectionError("the engine died")

    with pytest.raises(ConnectionError):
        store.put("ldtask_9", RESULTS, cut_off())
    assert not store.holds("ldtask_9", RESULTS)
    assert boto3.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
    store.put("ldtask_9", RESULTS, line)
    assert kept_samples(store) == b"".join(line)


@pytest.mark.parametrize("content", [b"", b"x", b"a" * 3_000_000])
def test_any_size_comes_back_as_it_was(api: Api, content: bytes) -> None:
    store = S3RunArchive(application().aws, BUCKET)
    store.put("ldtask_9", RESULTS, [content])
    assert kept_samples(store) == content


def test_the_files_of_several_engines_are_kept_side_by_side(api: Api) -> None:
    store = S3RunArchive(application().aws, BUCKET)
    store.put("ldtask_9", ArchivedFile(ArchivePart.RESULTS, 2), [b"second"])
    assert store.samples("ldtask_9", 1) is None
    store.put("ldtask_9", RESULTS, [b"first"])
    found = [store.samples("ldtask_9", number) for number in (1, 2)]
    assert [b"".join(file or ()) for file in found] == [b"first", b"second"]
    assert stored_objects() == [f"archive/ldtask_9/results{number}.jtl.gz" for number in ("-2", "")]


def test_a_kept_run_names_the_files_of_all_its_engines(api: Api, engine: TrapEngine) -> None:
    ended_run(engine)
    archive()
    store = S3RunArchive(application().aws, BUCKET)
    kept = store.read("ldtask_1")
    assert kept is not None
    second = {ArchivedFile(ArchivePart.RESULTS, 2), ArchivedFile(ArchivePart.DASHBOARD, 2)}
    store.write("ldtask_1", replace(kept, files=kept.files | second))

    assert store.read("ldtask_1") == replace(kept, files=kept.files | second)
    told = api.get("get_load_test_results", taskId="ldtask_1").result["archive"]
    names = ["analysis.json", "dashboard-2.zip", "report.html", "results.jtl.gz", "results-2.jtl.gz"]
    assert [file["name"] for file in told["files"]] == names
    for file in told["files"]:
        assert urlsplit(file["url"]).path.endswith(f"/archive/ldtask_1/{file['name']}")
    assert told["resultUrl"] == told["files"][3]["url"]
    assert told["dashboardUrl"] is None


@pytest.mark.parametrize(
    "name", ["results-1.jtl.gz", "results-02.jtl.gz", "results-.jtl.gz", "x.jtl.gz", "results-x.jtl.gz"]
)
def test_no_other_name_is_one_of_a_kept_file(name: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ArchivedFile.named(name)


def test_a_run_is_compared_with_the_earlier_ones_of_its_strategy_and_load(api: Api, engine: TrapEngine) -> None:
    engine.set_traps(Traps(throughput=20.0, error_rate=0.02))
    runs = [running_task(engine, str(number), threads=7 if number == 1 else 2) for number in range(1, 6)]
    engine.advance(61)
    for number, run in enumerate(runs, start=1):
        open_window(run, 20)
        report_fault(run, 20, 40)
        finish(run, 40)
        end(run, TaskStatus.SUCCEEDED, 61)
        assert archive(str(number))

    def comparison(number: int) -> Any:
        return api.get("get_load_test_results", taskId=f"ldtask_{number}").result["comparison"]

    assert (comparison(2)["outcome"], comparison(2)["otherDefinitions"]) == ("NOT_ENOUGH_RUNS", 1)
    last = comparison(5)
    assert (last["outcome"], last["runs"], last["otherDefinitions"]) == ("AS_USUAL", 3, 1)
    assert {"P95_RATIO", "ERROR_RATE_RISE", "THROUGHPUT_RATIO"} <= {each["figure"] for each in last["figures"]}
    engine.go_down()
    assert '"outcome":"AS_USUAL"' in api.get("get_load_test_report", taskId="ldtask_5").text


class PackingEngine:
    """A real client whose engine's dashboard comes at the third look."""

    def __init__(self, engine: Any, looks: list[str]) -> None:
        self._engine = engine
        self._looks = looks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @contextmanager
    def open_dashboard(self, report_path: str) -> Iterator[Iterator[bytes]]:
        self._looks.append(report_path)
        if len(self._looks) < 3:
            raise DashboardPending("not yet")
        yield iter([b"PK", b"zip"])


def test_the_dashboard_is_kept_when_it_comes(api: Api, engine: TrapEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ended_run(engine)
    looks: list[str] = []
    packing = PackingEngine(application().engines.of("default"), looks)
    monkeypatch.setattr(type(application().engines), "of", lambda _self, _name: packing)
    monkeypatch.setattr(type(application().clock), "sleep", lambda _self, _seconds: None)

    assert archive()
    assert archive()

    assert looks == [run.started_task.report_path] * 3
    assert stored("archive/ldtask_1/dashboard.zip") == b"PKzip"
    assert api.get("get_load_test_results", taskId="ldtask_1").result["archive"]["dashboardUrl"] is not None


def test_a_dashboard_that_takes_long_is_fetched_by_a_later_try(
    api: Api, engine: TrapEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_run(engine)
    looks: list[str] = []
    packing = PackingEngine(application().engines.of("default"), looks)
    monkeypatch.setattr(type(application().engines), "of", lambda _self, _name: packing)
    monkeypatch.setattr(type(application().clock), "sleep", lambda _self, _seconds: None)
    monkeypatch.setattr(application().archive_run, "_limits", Limits(dashboard=0))

    assert [archive(), archive(), archive()] == [False, False, True]
    assert "archive/ldtask_1/dashboard.zip" in stored_objects()
