"""Scripts of this project, run for the tests; and work that all workers of one test run do once."""

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def run_script(*command: str, **variables: str) -> str:
    """The output of a script of this project, which must succeed."""
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1", **variables}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def once_for_all_workers(tmp_path_factory: pytest.TempPathFactory, name: str, work: Callable[[], object]) -> None:
    """Do the work in the first worker that asks; the others wait for it. Work that failed is tried by the next one."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = shared / f"{name}.done"
        if not done.exists():
            work()
            done.touch()
