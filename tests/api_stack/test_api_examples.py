"""docs/api.md is run as a user would: every block, in order, in one shell."""

import os
import re
import subprocess
from pathlib import Path

from local.openapi import operations
from local.stack import LocalStack

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
# Read before the stack starts, which runs the handlers as modules of its own.
PATHS = sorted({each.path for each in operations()})
BLOCKS = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)


def test_every_example_runs(stack: LocalStack) -> None:
    script = "set -euo pipefail\n" + "\n".join(BLOCKS)

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=PROJECT,
        env={**os.environ, "TANDEM": stack.api_url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert '"status": "UP"' in done.stdout
    assert done.stdout.count("LOAD_TEST_TASK_NOT_FOUND") == 8


def test_every_endpoint_has_an_example() -> None:
    shown = "\n".join(BLOCKS)

    assert [path for path in PATHS if f"$TANDEM{path}" not in shown] == []
