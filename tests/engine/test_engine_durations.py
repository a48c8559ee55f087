"""How long the load of every kind of thread group lasts, and what set-up and tear-down get, over a real JMeter."""

import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.engine.engine_process import EngineProcess, eventually
from tests.engine.plan_pieces import (
    CONCURRENCY,
    OPEN_MODEL,
    STEPPING,
    group,
    pause,
    plugin_group,
    sleep,
    ultimate,
    whole_plan,
)

pytestmark = pytest.mark.jmeter

SECONDS = 6

PLANS = {
    "one loop": whole_plan(group("Load", sleep("a"))),
    "loops by an expression, with a schedule of its own": whole_plan(
        group("Load", sleep("a"), loops="${__P(loops,1)}", scheduler=True, duration=1, delay=0)
    ),
    "no controller, same user, delayed starts": whole_plan(
        group("Load", sleep("a"), loops=None, same_user_on_next_iteration=False, delayedStart=True, ramp_time=2)
    ),
    "pauses that would reach beyond the end": whole_plan(
        group("Load", pause(4000), sleep("a"), num_threads=6, ramp_time=3)
    ),
    "a delayed group beside another": whole_plan(
        group("First", sleep("a")), group("Late", sleep("b"), scheduler=True, delay=3, duration=60)
    ),
    "one group after another": whole_plan(group("One", sleep("a")), group("Two", sleep("b")), serialised=True),
    "set-up and tear-down": whole_plan(
        group("Before", sleep("prepare", 1500), kind="SetupThreadGroup", loops=2, num_threads=1),
        group("Load", sleep("a")),
        group("After", sleep("clean", 300), kind="PostThreadGroup", loops=3, num_threads=1),
    ),
    "an open model that is over too soon": whole_plan(
        plugin_group(
            "Open",
            sleep("a"),
            kind=OPEN_MODEL,
            properties={"OpenModelThreadGroup.schedule": "rate(10/s) random_arrivals(2 s)"},
        )
    ),
    "an open model that goes on": whole_plan(
        plugin_group(
            "Open",
            sleep("a"),
            kind=OPEN_MODEL,
            properties={"OpenModelThreadGroup.schedule": "rate(10/s) random_arrivals(2 h)"},
        )
    ),
    "an ultimate group that is over too soon": whole_plan(ultimate("Ultimate", sleep("a"), row=(2, 0, 1, 1, 1))),
    "an ultimate group that goes on": whole_plan(ultimate("Ultimate", sleep("a"), row=(2, 0, 1, 600, 1))),
    "a stepping group": whole_plan(
        plugin_group(
            "Stepping",
            sleep("a"),
            kind=STEPPING,
            properties={
                "ThreadGroup.num_threads": 2,
                "Threads initial delay": 0,
                "Start users count": 1,
                "Start users count burst": 0,
                "Start users period": 1,
                "Stop users count": 1,
                "Stop users period": 1,
                "flighttime": 1,
                "rampUp": 0,
            },
            more='<elementProp name="ThreadGroup.main_controller" elementType="LoopController">'
            '<stringProp name="LoopController.loops">-1</stringProp></elementProp>',
        )
    ),
    "a concurrency group": whole_plan(
        plugin_group(
            "Concurrency",
            sleep("a"),
            kind=CONCURRENCY,
            properties={"TargetLevel": 2, "RampUp": 1, "Steps": 1, "Hold": 1, "Unit": "S", "Iterations": 2},
            more='<elementProp name="ThreadGroup.main_controller" '
            'elementType="com.blazemeter.jmeter.control.VirtualUserController"/>',
        )
    ),
}
NEEDS_PLUGINS = ("ultimate", "stepping", "concurrency")


@pytest.fixture(scope="module")
def engine(jmeter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("durations") / "data", jmeter_home, max_runs="30") as running:
        yield running


def start(engine: EngineProcess, plan: str, **fields: object) -> str:
    """Upload and start a plan that is text; answers the execution id."""
    answer = engine.http.post("/api/files/upload/testplan?keep=false", files={"file": ("plan.jmx", plan.encode())})
    path = answer.json()["data"]["uploadPath"]
    return str(engine.post("/api/loadtest/start", {"testPlanPath": path, **fields})["executionId"])


@pytest.fixture(scope="module")
def batches(engine: EngineProcess) -> dict[str, str]:
    """The execution of each plan; they run a few at a time."""
    return {}


def _ended_run(engine: EngineProcess, runs: dict[str, str], name: str) -> str:
    if name not in runs:
        names = list(PLANS)
        first = names.index(name)
        for each in names[first : first + 3]:
            runs[each] = start(engine, PLANS[each], duration=SECONDS, threads=2)
    engine.ended(runs[name], within=90)
    return runs[name]


def rows(engine: EngineProcess, execution_id: str) -> list[dict[str, Any]]:
    """The rows of a run's result file, with their start and end in s since 1970."""
    text = "\n".join(engine.whole_jtl(execution_id))
    found: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text)))
    for row in found:
        row["start"] = int(row["timeStamp"]) / 1000
        row["end"] = row["start"] + int(row["elapsed"]) / 1000
    return found


def main_rows(engine: EngineProcess, execution_id: str) -> list[dict[str, Any]]:
    return [row for row in rows(engine, execution_id) if not row["threadName"].startswith(("Before", "After"))]


def events(engine: EngineProcess, execution_id: str) -> list[str]:
    return [json.loads(line)["type"] for line in engine.get(f"/api/loadtest/events/{execution_id}?tail=500")]


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("name", PLANS)
def test_the_load_lasts_its_duration_from_its_first_sample_on(
    engine: EngineProcess, batches: dict[str, str], name: str, jmeter_home: Path
) -> None:
    if any(word in name for word in NEEDS_PLUGINS) and not list((jmeter_home / "lib/ext").glob("*casutg*")):
        pytest.skip("this JMeter has no Custom Thread Groups plug-in")
    execution_id = _ended_run(engine, batches, name)
    state = engine.status(execution_id)
    assert (state["status"], state["errorMessage"]) == ("COMPLETED", None)
    load = main_rows(engine, execution_id)
    length = max(row["end"] for row in load) - min(row["start"] for row in load)
    assert SECONDS - 2 <= length <= SECONDS + 2
    assert [row["label"] for row in load if row["success"] != "true"] == []


def test_groups_that_run_one_after_another_all_get_their_turn(engine: EngineProcess, batches: dict[str, str]) -> None:
    load = main_rows(engine, _ended_run(engine, batches, "one group after another"))
    first = max(row["end"] for row in load if row["label"] == "a")
    second = min(row["start"] for row in load if row["label"] == "b")
    assert second >= first - 0.1
    assert abs((first - min(row["start"] for row in load)) - SECONDS / 2) < 1.5


def test_a_kept_delay_is_kept(engine: EngineProcess, batches: dict[str, str]) -> None:
    load = main_rows(engine, _ended_run(engine, batches, "a delayed group beside another"))
    late = min(row["start"] for row in load if row["label"] == "b") - min(row["start"] for row in load)
    assert 2 < late < 4.5


def test_set_up_runs_whole_before_the_load_and_tear_down_whole_behind_it(
    engine: EngineProcess, batches: dict[str, str]
) -> None:
    execution_id = _ended_run(engine, batches, "set-up and tear-down")
    labels = [row["label"] for row in rows(engine, execution_id)]
    assert (labels.count("prepare"), labels.count("clean")) == (2, 3)
    state = engine.status(execution_id)
    last = max(row["end"] for row in main_rows(engine, execution_id))
    assert abs(seconds(state["endTime"]) - last) < 1, "the end is that of the main groups"


def test_loops_that_are_respected_end_the_load(engine: EngineProcess) -> None:
    execution_id = start(engine, PLANS["one loop"], duration=60, respectLoops=True)
    state = engine.ended(execution_id)
    assert state["status"] == "COMPLETED"
    assert len(rows(engine, execution_id)) == 2


def test_a_stop_ends_the_main_groups_at_once_and_leaves_tear_down_its_time(engine: EngineProcess) -> None:
    plan = whole_plan(
        group("Load", sleep("a")),
        group("After", sleep("clean", 700), kind="PostThreadGroup", loops=4, num_threads=1),
    )
    execution_id = start(engine, plan, duration=600)
    engine.samples_arrive(execution_id, more_than=5)
    asked = time.time()
    assert engine.post(f"/api/loadtest/stop/{execution_id}") is True
    state = engine.status(execution_id)
    assert state["status"] == "STOPPED"
    found = rows(engine, execution_id)
    assert [row["success"] for row in found if row["label"] == "clean"] == ["true"] * 4
    assert max(row["end"] for row in main_rows(engine, execution_id)) < asked + 1.5
    assert seconds(state["endTime"]) < asked + 2
    assert events(engine, execution_id).count("STOP_SENT") >= 1


def test_tear_down_that_does_not_end_is_ended_at_its_limit(engine: EngineProcess) -> None:
    endless = group("After", sleep("clean", 200), kind="PostThreadGroup", loops=-1, num_threads=1)
    stopped = start(engine, whole_plan(group("Load", sleep("a")), endless), duration=600, tearDownLimitSec=3)
    completed = start(engine, whole_plan(group("Load", sleep("a")), endless), duration=3, tearDownLimitSec=2)
    engine.samples_arrive(stopped, more_than=5)
    asked = time.monotonic()
    assert engine.post(f"/api/loadtest/stop/{stopped}") is True
    assert 3 <= time.monotonic() - asked < 9
    assert engine.status(stopped)["status"] == "STOPPED"
    assert engine.ended(completed)["status"] == "COMPLETED"
    assert "TEAR_DOWN" in events(engine, completed)


def test_set_up_is_limited_by_itself_and_a_load_that_never_sent_is_a_failure(engine: EngineProcess) -> None:
    endless = group("Before", sleep("prepare", 200), kind="SetupThreadGroup", loops=-1, num_threads=1)
    execution_id = start(engine, whole_plan(endless, group("Load", sleep("a"))), duration=2, setUpLimitSec=5)
    state = engine.ended(execution_id)
    assert state["status"] == "FAILED"
    assert "set-up limit of 5 s" in state["errorMessage"]
    assert seconds(state["endTime"]) - seconds(state["startTime"]) >= 5


def test_samples_in_flight_at_the_duration_are_not_cut(engine: EngineProcess) -> None:
    execution_id = start(engine, whole_plan(group("Load", sleep("long", 5000), num_threads=2)), duration=7)
    state = engine.ended(execution_id)
    assert state["status"] == "COMPLETED"
    found = rows(engine, execution_id)
    assert [row["success"] for row in found] == ["true"] * 4
    assert eventually(lambda: "ENDED" in events(engine, execution_id), "it has ended")
