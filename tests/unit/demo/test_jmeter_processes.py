"""Processes of JMeter are known by what they work on."""

import subprocess
import sys
from pathlib import Path

from local.demo.jmeter_processes import jmeter_processes


def test_a_java_process_is_found_by_its_engines_directory_and_only_there(tmp_path: Path) -> None:
    wait = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        ["/opt/java/bin/java", "-c", wait, f"-l{tmp_path}/engine/results/x/results.jtl"],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert jmeter_processes(tmp_path / "engine") == [process.pid]
        assert jmeter_processes(tmp_path / "other") == []
        process.communicate()
    assert jmeter_processes(tmp_path / "engine") == []
