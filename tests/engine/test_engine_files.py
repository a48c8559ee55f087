"""What goes along with a plan, what a plan writes, and what is left of both, over a real JMeter."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.engine.engine_process import EngineProcess, eventually
from tests.engine.plan_pieces import csv_data, fragment, group, include, listener, sleep, whole_plan

pytestmark = pytest.mark.jmeter


@pytest.fixture(scope="module")
def engine(jmeter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("files") / "data", jmeter_home, max_runs="10") as running:
        yield running


def upload_once(engine: EngineProcess, name: str, content: bytes, kind: str = "data") -> str:
    answer = engine.http.post(f"/api/files/upload/{kind}?keep=false", files={"file": (name, content)})
    return str(answer.json()["data"]["uploadPath"])


def run(engine: EngineProcess, plan: str, files: Mapping[str, bytes], **fields: object) -> str:
    """Send plan and files for one run and start it; answers the execution id."""
    sent = [{"path": upload_once(engine, Path(name).name, content), "name": name} for name, content in files.items()]
    path = upload_once(engine, "plan.jmx", plan.encode(), "testplan")
    return str(engine.post("/api/loadtest/start", {"testPlanPath": path, "files": sent, **fields})["executionId"])


def labels(engine: EngineProcess, execution_id: str) -> set[str]:
    return {line.split(",")[2] for line in engine.whole_jtl(execution_id)[1:]}


def test_files_of_any_kind_lie_beside_the_plan_under_their_own_names(engine: EngineProcess) -> None:
    plan = whole_plan(
        csv_data("data/users.tsv", "user"),
        group(
            "Load",
            sleep("${__FileToString(body of it.bin)}"),
            sleep("${__CSVRead(names.dat,0)}"),
            sleep("${user}"),
            include("part.jmx"),
        ),
    )
    files = {
        "data/users.tsv": b"anna\n",
        "body of it.bin": b"the body",
        "names.dat": b"bert\n",
        "part.jmx": fragment(sleep("included")).encode(),
    }
    execution_id = run(engine, plan, files, respectLoops=True)
    state = engine.ended(execution_id)
    assert (state["status"], state["errorMessage"]) == ("COMPLETED", None)
    assert labels(engine, execution_id) == {"the body", "bert", "anna", "included"}


def test_a_path_that_was_put_into_the_plan_for_an_upload_leads_to_the_file(engine: EngineProcess) -> None:
    path = upload_once(engine, "users.csv", b"anna\n")
    plan = upload_once(engine, "p.jmx", whole_plan(csv_data(path, "user"), group("Load", sleep("${user}"))).encode())
    body = {"testPlanPath": plan, "files": [{"path": path, "name": "users.csv"}]}
    execution_id = engine.post("/api/loadtest/start", body)["executionId"]
    assert engine.ended(execution_id)["status"] == "COMPLETED"
    assert labels(engine, execution_id) == {"anna"}


def test_a_plans_own_files_do_not_touch_the_engines_and_go_with_the_run(engine: EngineProcess) -> None:
    writers = [listener(name) for name in ("results.jtl", "../results.jtl", "jmeter.log", "../execution.json")]
    execution_id = run(engine, whole_plan(group("Load", sleep("a"), loops=3), *writers), {})
    assert engine.ended(execution_id)["status"] == "COMPLETED"
    assert len(engine.whole_jtl(execution_id)) == 7
    state = engine.status(execution_id)
    assert (engine.data / state["logPath"]).read_text().count("ThreadGroup") > 0
    json.loads((engine.data / state["resultPath"]).with_name("execution.json").read_text())
    eventually(lambda: not list(_left_of(engine)), "nothing of the run is left where it worked")


def test_a_missing_file_is_named(engine: EngineProcess) -> None:
    plan = whole_plan(csv_data("users.csv", "user"), group("Load", sleep("${user}")))
    state = engine.ended(run(engine, plan, {}, duration=5))
    assert state["status"] == "FAILED"
    assert "users.csv: no such file" in state["errorMessage"]


def test_what_was_sent_for_a_run_goes_with_its_start_also_when_that_is_refused(engine: EngineProcess) -> None:
    plan = whole_plan(group("Load", sleep("a")))
    for _ in range(3):
        execution_id = run(engine, plan, {"a.csv": b"1\n", "b.bin": b"2"})
        engine.ended(execution_id)
    refused = upload_once(engine, "no plan.jmx", b"<project/>", "testplan")
    data = upload_once(engine, "a.csv", b"1\n")
    body = {"testPlanPath": refused, "files": [{"path": data, "name": "a.csv"}]}
    assert engine.http.post("/api/loadtest/start", json=body).status_code == 400
    assert list((engine.data / "uploads" / "once").iterdir()) == []
    eventually(lambda: not list(_left_of(engine)), "nothing of the runs is left where they worked")


def _left_of(engine: EngineProcess) -> Iterator[Path]:
    return (engine.data / "work").iterdir()


@pytest.mark.parametrize("name", ["../up.csv", "/etc/passwd", "a/../../b", "", "a\\b", "a\nb", ".", "x" * 256])
def test_a_name_that_would_lead_elsewhere_is_refused(engine: EngineProcess, name: str) -> None:
    plan = upload_once(engine, "plan.jmx", whole_plan(group("Load", sleep("a"))).encode(), "testplan")
    data = upload_once(engine, "a.csv", b"1\n")
    body = {"testPlanPath": plan, "files": [{"path": data, "name": name}]}
    answer = engine.http.post("/api/loadtest/start", json=body)
    assert answer.status_code == 400
    assert "files.0.name" in answer.json()["error"]
