"""The stack's life: start, refusal, restart, end, and the command line around it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.aws import AwsServices, mirror_directory
from local.engine_process import EngineProcess, engine_silence
from local.errors import StackError
from local.event_journal import EventJournal
from local.functions import FunctionRuntime
from local.object_mirror import ObjectMirror
from local.ports import PortInUse, choose
from local.settings import PROJECT, Settings, SettingsError
from local.stack import LocalStack
from local.template import Bucket, load_template
from tests.local.toy_application import calls, toy_settings, wait_for

BUCKET = "tandem-uploads-123456789012"


def test_objects_survive_a_restart_with_their_headers_and_deleted_ones_do_not(tmp_path: Path) -> None:
    keys = ["a", "a/b", "../up", "long/" + "k" * 900, "ünï"]
    with LocalStack(toy_settings(tmp_path)) as first:
        s3 = first.client("s3")
        for key in keys:
            s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode(), ContentType="text/plain", Metadata={"k": "v"})
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"newer")
        s3.put_object(Bucket=BUCKET, Key="gone", Body=b"x")
        s3.delete_object(Bucket=BUCKET, Key="gone")
        changed = s3.head_object(Bucket=BUCKET, Key="a/b")["LastModified"]
    with LocalStack(toy_settings(tmp_path)) as second:
        s3 = second.client("s3")
        listed = {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
        assert listed == set(keys)
        assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"newer"
        kept = s3.get_object(Bucket=BUCKET, Key="a/b")
        assert (kept["Body"].read(), kept["ContentType"], kept["Metadata"]) == (b"a/b", "text/plain", {"k": "v"})
        assert kept["LastModified"] == changed


def kept_files(state: Path) -> int:
    return len(list((state / "s3").rglob("*.object")))


def test_objects_deleted_in_a_batch_are_gone_from_the_disk_too(tmp_path: Path) -> None:
    with LocalStack(toy_settings(tmp_path)) as stack:
        s3 = stack.client("s3")
        for key in ("archive/a/x", "archive/a/y", "uploads/z"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "archive/a/x"}, {"Key": "archive/a/y"}]})
        assert kept_files(stack.settings.state_directory) == 1


def test_what_the_life_cycle_would_delete_goes_and_the_rest_is_bounded(tmp_path: Path) -> None:
    with LocalStack(toy_settings(tmp_path)) as stack:
        s3 = stack.client("s3")
        for number in range(4):
            s3.put_object(Bucket=BUCKET, Key=f"archive/{number}/samples", Body=b"x" * 100)
            time.sleep(1.1)  # the order is by their time, which S3 keeps in whole seconds
        s3.put_object(Bucket=BUCKET, Key="uploads/plan", Body=b"x" * 1000)
        mirror = ObjectMirror(mirror_directory(stack.settings.state_directory), _buckets())
        now = dt.datetime.now(tz=dt.UTC)
        assert mirror.expire(now + dt.timedelta(days=29)) == 0
        assert mirror.expire(now, most_bytes=250) == 2
        assert set(_keys(s3)) == {"archive/2/samples", "archive/3/samples", "uploads/plan"}
        assert mirror.expire(now + dt.timedelta(days=31)) == 2
        assert _keys(s3) == ["uploads/plan"]
        assert kept_files(stack.settings.state_directory) == 1


def _buckets() -> list[Bucket]:
    return list(load_template(toy_settings(Path()).template, {}, "http://127.0.0.1").buckets.values())


def _keys(s3: Any) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_stacks_one_after_another_know_nothing_of_each_other_and_leave_nothing(tmp_path: Path) -> None:
    environment, path, threads = dict(os.environ), list(sys.path), set(threading.enumerate())
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:Workflow"
    for number in range(3):
        variables = {"TANDEM_GREETING": f"greeting {number}", "AWS_PROFILE": "mine"}
        with LocalStack(toy_settings(tmp_path / str(number), variables=variables)) as stack:
            told = httpx.get(stack.api_url + "/health").json()["environment"]
            assert told["TANDEM_GREETING"] == f"greeting {number}"
            assert "AWS_PROFILE" not in told
            client = stack.client("stepfunctions")
            assert client.list_executions(stateMachineArn=machine)["executions"] == []
            client.start_execution(stateMachineArn=machine, name="same", input='{"do": "wait for token"}')
    assert dict(os.environ) == environment
    assert sys.path == path
    assert "toys.memory" not in sys.modules
    wait_for(lambda: set(threading.enumerate()) <= threads, "the end of all threads")


def test_an_event_that_was_accepted_is_delivered_by_the_next_stack(tmp_path: Path) -> None:
    detail = json.dumps({"kind": "plain", "fail": "always"})
    with LocalStack(toy_settings(tmp_path)) as first:
        entry = {"Source": "toy", "DetailType": "Greeted", "Detail": detail, "EventBusName": "tandem-local"}
        identifier = first.client("events").put_events(Entries=[entry])["Entries"][0]["EventId"]
        # It failed once and waits for its second attempt: the stack ends before that.
        wait_for(lambda: calls("listener"), "the first attempt")
    with LocalStack(toy_settings(tmp_path)):
        wait_for(lambda: len(calls("listener")) == 2, "both attempts of the next stack")
        assert {event["id"] for event in calls("listener")} == {identifier}
        journal = EventJournal(tmp_path / "events.sqlite3")
        wait_for(lambda: not journal.left(), "the end of the delivery")
        journal.close()


def test_a_stack_takes_no_event_before_its_functions_can_handle_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    load, start = FunctionRuntime.load, AwsServices.start

    def note_load(self: FunctionRuntime) -> None:
        load(self)
        order.append("functions")

    def note_start(self: AwsServices, *arguments: Any) -> None:
        order.append("aws")
        start(self, *arguments)

    monkeypatch.setattr(FunctionRuntime, "load", note_load)
    monkeypatch.setattr(AwsServices, "start", note_start)
    with LocalStack(toy_settings(tmp_path)):
        assert order == ["functions", "aws"]


def test_events_older_than_a_lambda_keeps_them_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = EventJournal(tmp_path / "events.sqlite3")
    number = journal.add("rule", "arn", {"a": 1})
    assert [(each.number, each.payload) for each in journal.left()] == [(number, {"a": 1})]
    monkeypatch.setattr("local.event_journal.LONGEST_KEPT_SECONDS", -1)
    assert journal.left() == []
    journal.close()


def test_a_second_stack_in_the_process_is_refused(tmp_path: Path) -> None:
    with LocalStack(toy_settings(tmp_path / "1")), pytest.raises(StackError, match="runs a local stack already"):
        LocalStack(toy_settings(tmp_path / "2")).start()


def test_a_port_in_use_is_named_with_its_setting_and_nothing_stays_behind(tmp_path: Path) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        settings = Settings(template=toy_settings(tmp_path).template, api_port=port, state_directory=tmp_path)
        with pytest.raises(PortInUse, match=rf"port {port} is in use.*TANDEM_API_PORT"):
            LocalStack(settings).start()
    with LocalStack(toy_settings(tmp_path)) as stack:
        assert httpx.get(stack.api_url + "/health").status_code == 200


def test_health_names_what_is_missing_until_all_is_ready(tmp_path: Path) -> None:
    with LocalStack(toy_settings(tmp_path)) as stack:
        stack._starting["functions"] = "starts"
        for path in ("/health", "/chaos/health"):
            answer = httpx.get(stack.api_url + path)
            assert answer.status_code == 503
            assert answer.json() == {"status": "STARTING", "missing": {"functions": "starts"}}
        stack._starting.clear()
        assert httpx.get(stack.api_url + "/health").status_code == 200


@pytest.mark.parametrize(
    ("name", "value"), [("TANDEM_API_PORT", "0"), ("TANDEM_AWS_PORT", "http"), ("TANDEM_SYNC_SECONDS", "901")]
)
def test_a_setting_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be a whole number"):
        Settings.from_environment({name: value})


def test_an_engine_of_the_users_is_used_and_none_started() -> None:
    settings = Settings.from_environment({"TANDEM_ENGINE_URL": "http://engine.test:1", "TANDEM_SYNC_SECONDS": ""})
    assert (settings.engine_url, settings.start_engine, settings.sync_seconds) == ("http://engine.test:1", False, 30)


def free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def engine_answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/loadtest/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def engine_on(port: int) -> int:
    """The process of the engine on a port; 0 when there is none."""
    for entry in Path("/proc").glob("[0-9]*"):
        # A process that ends while it is looked at is none that is sought.
        with contextlib.suppress(OSError):
            variables = (entry / "environ").read_bytes().split(b"\0")
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if f"TANDEM_ENGINE_PORT={port}".encode() in variables and b"tandem_engine" in arguments:
                return int(entry.name)
    return 0


def test_an_engine_that_dies_is_started_again_and_ends_with_the_stack(tmp_path: Path) -> None:
    port = free_port()
    engine = EngineProcess(port, tmp_path / "engine")
    engine.start()
    try:
        wait_for(lambda: engine.healthy, "the engine", 60)
        first = engine_on(port)
        assert first
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: not engine.healthy, "the end of the engine")
        wait_for(lambda: engine.healthy, "the engine again", 60)
        assert engine_on(port) not in (0, first)
    finally:
        engine.close()
    assert not engine_answers(port)


@contextlib.contextmanager
def running_stack(tmp_path: Path, **changes: str) -> Iterator[tuple[subprocess.Popen[str], Mapping[str, str]]]:
    """`python -m local up` of the whole project, ready; killed at the end if it still runs."""
    environment = {
        **os.environ,
        "TANDEM_API_PORT": str(free_port()),
        "TANDEM_AWS_PORT": str(free_port()),
        "TANDEM_ENGINE_PORT": str(free_port()),
        "TANDEM_STATE_DIR": str(tmp_path / "state"),
        **changes,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up"], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        output: list[str] = []

        def read() -> None:
            assert process.stdout is not None
            output.extend(iter(process.stdout.readline, ""))

        threading.Thread(target=read, daemon=True).start()
        wait_for(lambda: any("Tandem is ready" in line for line in output) or process.poll() is not None, "ready", 120)
        assert process.poll() is None, "".join(output)
        yield process, environment
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=PROJECT,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_up_serves_takes_events_refuses_a_second_one_and_ends_clean(tmp_path: Path) -> None:
    with running_stack(tmp_path) as (process, environment):
        answer = httpx.get(f"http://127.0.0.1:{environment['TANDEM_API_PORT']}/GetLoadTestTask?taskId=none", timeout=30)
        assert (answer.status_code, answer.json()["success"]) == (404, False)
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"source": "toy", "detail-type": "Nothing", "detail": {"a": 1}}))
        put = run(environment, "put-event", str(event))
        assert (put.returncode, "Nothing is on tandem-local" in put.stdout) == (0, True)
        second = run({**environment, "TANDEM_STATE_DIR": str(tmp_path / "other")}, "up")
        assert second.returncode == 1
        assert second.stderr.startswith(f"error: port {environment['TANDEM_API_PORT']} is in use")
        assert len(second.stderr.strip().splitlines()) == 1
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert time.monotonic() - began < 30
        assert not engine_answers(int(environment["TANDEM_ENGINE_PORT"]))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_stack_leaves_no_engine(tmp_path: Path) -> None:
    with running_stack(tmp_path) as (process, environment):
        port = int(environment["TANDEM_ENGINE_PORT"])
        assert engine_answers(port)
        process.kill()
        process.wait()
        wait_for(lambda: not engine_answers(port), "the end of the engine", 30)


@pytest.mark.parametrize(
    ("content", "fault"),
    [("{", "is no JSON"), ("[]", "no JSON object"), ('{"source": "s", "detail-type": "d"}', "needs a detail")],
)
def test_an_event_file_that_is_no_event_is_refused(tmp_path: Path, content: str, fault: str) -> None:
    event: Any = tmp_path / "event.json"
    event.write_text(content)
    answer = run(os.environ, "put-event", str(event))
    assert answer.returncode == 1
    assert fault in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_engine_that_gives_no_sign_of_life_is_told_and_why(tmp_path: Path) -> None:
    assert "refused" in (engine_silence(f"http://127.0.0.1:{choose(0, 'PORT')}") or "")
    assert engine_silence("no address") is not None
    with LocalStack(toy_settings(tmp_path)) as stack:
        # It answers, and is no engine.
        assert "answers 404" in (engine_silence(stack.api_url) or "")
