"""The demo, as a user runs it: a real stack, a real JMeter, a real fault."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 240


def demo(state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    return subprocess.run(
        [sys.executable, "-m", "local", "demo", *arguments],
        cwd=PROJECT,
        env=environment | {"TANDEM_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.jmeter
@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 30)
def test_the_demo_runs_and_shows_what_its_users_felt(tmp_path: Path) -> None:
    ran = demo(tmp_path)
    said = ran.stdout
    assert ran.returncode == 0, said + ran.stderr
    rows = re.findall(r"^ *(baseline|fault|recovery) +[\d.]+ - [\d.]+ +([\d,]+) .* ([\d.]+) %", said, re.MULTILINE)
    assert [name for name, _, _ in rows] == ["baseline", "fault", "recovery"]
    errors = {name: float(percent) for name, _, percent in rows}
    assert errors["baseline"] < 1
    assert 10 < errors["fault"] < 30
    assert errors["recovery"] < 5
    jtl = re.search(r"^  JTL +(.+)$", said, re.MULTILINE)
    assert jtl is not None
    counted = sum(int(requests.replace(",", "")) for _, requests, _ in rows)
    assert 2000 < counted < len(Path(jtl.group(1)).read_text().splitlines())
    assert "PENDING -> RUNNING -> STOPPED" in said
    assert not re.search(r"^ +FAILED", said, re.MULTILINE)


def test_a_target_elsewhere_is_refused_before_anything_starts(tmp_path: Path) -> None:
    ran = demo(tmp_path, "--target", "http://example.com")
    assert ran.returncode == 1
    assert "is not on this machine" in ran.stdout
    assert not list(tmp_path.iterdir())
