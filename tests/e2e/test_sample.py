"""The first steps of the README: `make up`, `make sample`, `make event`, as a new user types them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from local.ports import choose
from tests.factories.platform import until

PROJECT = Path(__file__).resolve().parents[2]
STARTING, FINISHED = "events/experiment_starting.json", "events/experiment_finished.json"
READY_SECONDS, STOP_SECONDS = 120, 60


@dataclass
class Shell:
    """A user's shell, with ports and a state directory of its own."""

    variables: dict[str, str]
    api: str

    def run(self, *arguments: str, expected: int = 0) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=PROJECT, env=self.variables, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert ran.returncode == expected, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def status(self, experiment_task_id: str) -> str | None:
        answer = httpx.get(
            f"{self.api}/GetLoadTestTask", params={"experimentTaskId": experiment_task_id}, trust_env=False
        )
        return str(answer.json()["result"]["status"]) if answer.status_code == 200 else None

    def reaches(self, experiment_task_id: str, status: str) -> None:
        until(lambda: self.status(experiment_task_id) == status, f"{experiment_task_id} {status}", 60)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    for name in ("API", "AWS", "ENGINE", "SHOP"):
        variables[f"TANDEM_{name}_PORT"] = str(choose(0, name))
    variables["TANDEM_STATE_DIR"] = str(tmp_path / "state")
    return Shell(variables, f"http://127.0.0.1:{variables['TANDEM_API_PORT']}")


@pytest.fixture
def up(shell: Shell, tmp_path: Path) -> Iterator[Path]:
    """`make up` in another terminal; gives what it printed."""
    printed = tmp_path / "up.log"
    with printed.open("w") as output:
        stack = subprocess.Popen(
            [sys.executable, "-m", "local", "up"], cwd=PROJECT, env=shell.variables, stdout=output, stderr=output
        )
    try:
        until(lambda: "Tandem is ready" in printed.read_text() or stack.poll(), "the stack", READY_SECONDS)
        yield printed
    finally:
        stack.send_signal(signal.SIGINT)
        stack.wait(STOP_SECONDS)
    assert stack.returncode == 0, printed.read_text()


@pytest.mark.jmeter
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_first_steps_lead_to_a_running_load_each_time(shell: Shell, up: Path) -> None:
    told = shell.run("put-event", STARTING)
    assert "nothing runs: no enabled strategy for experiment 'exp-checkout-latency'" in told
    assert "make sample" in told
    assert "strategy" in shell.run("sample")
    assert "the load of exp-task-1 starts" in shell.run("put-event", STARTING)
    shell.reaches("exp-task-1", "RUNNING")
    shell.run("put-event", FINISHED)
    shell.reaches("exp-task-1", "STOPPED")

    again = shell.run("put-event", STARTING)
    fresh = again.partition("this one is ")[2].split()[0]
    assert fresh.startswith("exp-task-1-")
    shell.reaches(fresh, "RUNNING")
    assert f"for the experiment task {fresh}" in shell.run("put-event", FINISHED)
    shell.reaches(fresh, "STOPPED")

    log = up.read_text()
    assert "no_enabled_strategy  experiment_task_id=exp-task-1" in log
    assert "fault_window_refused" not in log
    assert not [line for line in log.splitlines() if line.startswith("{")], "JSON in a terminal"
    root = httpx.get(shell.api + "/", trust_env=False)
    assert (root.status_code, root.headers["location"]) == (302, "/console")


def test_an_event_without_a_stack_says_what_to_start(shell: Shell) -> None:
    assert "is `make up` running?" in shell.run("put-event", STARTING, expected=1)
    assert "`make up`" in shell.run("sample", expected=1)


@pytest.mark.parametrize("engines", ["0", "9", "abc", "-1"])
def test_a_number_of_engines_that_cannot_be_is_named(shell: Shell, engines: str) -> None:
    said = shell.run("up", f"--engines={engines}", expected=1)
    assert f"ENGINES must be a whole number from 1 to 8, not '{engines}'" in said


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("no url", "TANDEM_DATABASE_URL is no database URL that can be used here"),
        ("oracle+nothing://u@h/d", "TANDEM_DATABASE_URL is no database URL that can be used here"),
        ("mysql+pymysql://user:secret@127.0.0.1:1/tandem", "cannot be reached"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_before_anything_starts(shell: Shell, url: str, says: str) -> None:
    shell.variables["TANDEM_DATABASE_URL"] = url
    said = shell.run("up", expected=1)
    assert says in said
    assert "secret" not in said
    assert "sqlalche.me" not in said
    assert "engine is up" not in said


def test_the_finished_sample_says_nothing_of_a_fault_long_ago() -> None:
    detail = json.loads((PROJECT / FINISHED).read_text(encoding="utf-8"))["detail"]
    assert not {"faultStartedAt", "faultEndedAt"} & detail.keys()
