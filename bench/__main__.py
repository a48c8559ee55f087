"""python -m bench: every bench, one after the other, and bench/RESULTS.md made of their answers.

What was slow, why, and what a change did stands in bench/findings/, written by hand and copied below each bench.
"""

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from local.settings import PROJECT

_HERE = Path(__file__).resolve().parent
RESULTS = _HERE / "RESULTS.md"
BENCHES = (
    "sweep_tasks",
    "sweep_shards",
    "analyse_samples",
    "start_functions",
    "open_windows",
    "count_transitions",
    "drive_engine",
)
LOGS = PROJECT / ".build" / "bench"
"""What the benches and the product in them said besides, one file each."""

_LONGEST_SECONDS = 600


def main() -> int:
    """Run all; 0 when each ran to its end, whether or not it met its targets (RESULTS.md says that)."""
    parts, broken = [_heading()], 0
    for name in BENCHES:
        began = time.monotonic()
        sys.stderr.write(f"bench: {name} ...")
        sys.stderr.flush()
        answer = _run(name)
        sys.stderr.write(f" {time.monotonic() - began:.0f} s\n")
        if answer is None:
            broken += 1
            sys.stderr.write(f"bench: {name} did not run to its end; what it said: {LOGS / name}.log\n")
        parts += [answer or f"## {name}\n\nThis bench did not run to its end.\n", _findings(name)]
    text = "\n".join(part for part in parts if part)
    RESULTS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 1 if broken else 0


def _run(name: str) -> str | None:
    """A bench's report; None when it failed. In a process of its own: memory and imports are figures here."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{name}.log").open("wb") as log:
        try:
            done = subprocess.run(
                [sys.executable, "-m", f"bench.{name}"],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                timeout=_LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
    return done.stdout.decode("utf-8") if done.returncode == 0 else None


def _heading() -> str:
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    return (
        f"# What was measured\n\nBy `make bench` on {today}, on {_machine()}. Each figure stands beside its reference "
        "and its floor, measured in the same run. Machines differ and so does a busy one from itself: compare ratios, "
        "not milliseconds.\n"
    )


def _machine() -> str:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {gigabytes:.0f} GiB, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _findings(name: str) -> str:
    file = _HERE / "findings" / f"{name}.md"
    return f"### What was slow, and why\n\n{file.read_text(encoding='utf-8')}" if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
