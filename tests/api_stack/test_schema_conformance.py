"""schemathesis against the API as it is documented: no 5xx, and no answer that the document does not know."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack import LocalStack

PROJECT = Path(__file__).resolve().parents[2]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
LEAST_CASES = 2_000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_generated_request_gets_an_undocumented_answer(stack: LocalStack, tmp_path: Path) -> None:
    seed = os.environ.get("TANDEM_SCHEMATHESIS_SEED", "1")
    # The coverage phase asks every way to break each parameter; fuzzing adds what nobody thought of.
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "run", f"{stack.api_url}/openapi.json", "--url", stack.api_url),
            *("--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", "30", "--seed", seed),
            *("--request-timeout", "20", "--no-color", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path / "hypothesis")},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None, done.stdout[-2000:]
    assert int(generated.group(1)) >= LEAST_CASES
