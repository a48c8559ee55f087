"""The policy against the real JMeter: whatever ``deny`` lets pass is run, and none of it may have run code.

The plans are made by a seeded grammar (``hidden_code``); TANDEM_HIDDEN_PLANS says how many, TANDEM_HIDDEN_SEED where to
begin. The same plans without the policy do run code, or the test would prove nothing.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from tandem.adapters.jmx.reader import read_plan
from tandem.domain.errors import InvalidTestPlan
from tandem.domain.preflight import judge
from tandem.domain.preflight_policy import CodePolicy, PreflightPolicy
from tandem.domain.preflight_report import Severity
from tandem_engine.jmeter_home import JMeter, find_jmeter

from tests.integration.jmx.hidden_code import HiddenCode, hidden_code

pytestmark = pytest.mark.jmeter

PLANS = int(os.environ.get("TANDEM_HIDDEN_PLANS", "600"))
SEED = int(os.environ.get("TANDEM_HIDDEN_SEED", "20261129"))
CONTROL = 60
DRIVER = Path(__file__).with_name("run_plans.groovy")
DENY = PreflightPolicy(code=CodePolicy.DENY)
PROPERTIES = {"protocol": "http", "host": "127.0.0.1", "port": "1", "path": ""}


@pytest.fixture(scope="module")
def jmeter(tmp_path_factory: pytest.TempPathFactory) -> JMeter:
    return find_jmeter(os.environ, tmp_path_factory.mktemp("jmeter"))


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> list[HiddenCode]:
    markers = tmp_path_factory.mktemp("markers")
    return [hidden_code(SEED + number, markers / f"m{number}") for number in range(PLANS)]


def is_let_pass(plan: HiddenCode) -> bool:
    try:
        facts = read_plan([plan.content])
    except InvalidTestPlan:
        return False
    return judge(facts, DENY, PROPERTIES, "http://127.0.0.1:1").status is not Severity.DENY


def run_on_jmeter(jmeter: JMeter, plans: list[HiddenCode], directory: Path) -> str:
    """Run the plans in one JVM; what it printed."""
    assert jmeter.home is not None
    for number, plan in enumerate(plans):
        (directory / f"p{number:05d}.jmx").write_bytes(plan.content)
    home = jmeter.home
    paths = [home / "bin" / "ApacheJMeter.jar", home / "lib" / "*", home / "lib" / "ext" / "*"]
    done = subprocess.run(
        [
            str(jmeter.java),
            "-Xmx512m",
            "-XX:+UseSerialGC",
            f"-Djava.util.prefs.userRoot={directory}",
            "-Djava.awt.headless=true",
            "-cp",
            os.pathsep.join(map(str, paths)),
            "groovy.ui.GroovyMain",
            str(DRIVER),
            str(home),
            str(directory),
        ],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
        timeout=240 + PLANS,
    )
    return done.stdout


def test_nothing_that_deny_lets_pass_runs_code(jmeter: JMeter, plans: list[HiddenCode], tmp_path: Path) -> None:
    passed = [plan for plan in plans if is_let_pass(plan)]
    assert len(passed) > PLANS / 50, "nearly nothing passes: the grammar makes no harmless plans any more"
    printed = run_on_jmeter(jmeter, passed, tmp_path)
    # They are plans that JMeter opens and runs, not just what nobody can read.
    assert printed.count("RAN ") > len(passed) / 2
    assert [plan.recipe for plan in passed if plan.marker.exists()] == []


def test_without_the_policy_the_same_plans_do_run_code(jmeter: JMeter, plans: list[HiddenCode], tmp_path: Path) -> None:
    denied = [plan for plan in plans if not is_let_pass(plan)]
    tried = random.Random(SEED).sample(denied, min(CONTROL, len(denied)))
    run_on_jmeter(jmeter, tried, tmp_path)
    ran = [plan for plan in tried if plan.marker.exists()]
    assert len(ran) > len(tried) / 5
    words = {word for plan in ran for word in plan.recipe.split()}
    assert {"function", "script", "condition", "backslash"} <= words
    for plan in ran:
        plan.marker.unlink()
    shutil.rmtree(tmp_path, ignore_errors=True)
