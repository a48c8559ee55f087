"""Ending a process that does not want to end."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tandem_engine import stop_sequence
from tandem_engine.processes import JMeterProcess, identity_of
from tandem_engine.stop_sequence import StopSequence, free_stop_port

from tests.engine.engine_process import eventually, pid_is_running

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_sequence, "STOP_NOW_AFTER", 0.6)
    monkeypatch.setattr(stop_sequence, "TERMINATE_AFTER", 1.2)
    monkeypatch.setattr(stop_sequence, "KILL_AFTER", 1.6)


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[JMeterProcess]:
    output = tmp_path / "out"
    process = JMeterProcess.spawn([sys.executable, "-c", STUBBORN], dict(os.environ), tmp_path, output)
    eventually(lambda: output.read_text(), "the process is ready")
    yield process
    if not process.has_ended():
        os.kill(process.identity.pid, 9)
        eventually(process.has_ended, "the process is gone")


@pytest.mark.usefixtures("quick")
def test_each_means_is_tried_in_turn_until_the_process_is_gone(stubborn: JMeterProcess) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(1)
        sequence = StopSequence(stubborn, listener.getsockname()[1])
        means: list[str] = []

        def step() -> bool:
            if stubborn.has_ended():
                return True
            if changed := sequence.step():
                means.append(changed)
            return False

        eventually(step, "the process is gone", within=10)
        assert means == ["Shutdown", "StopTestNow", "SIGTERM", "SIGKILL"]
        assert stubborn.return_code == -9
        received = [listener.recv(100) for _ in range(4)]
        assert received[:2] == [b"Shutdown", b"Shutdown"]
        assert b"StopTestNow" in received


def test_in_a_hurry_signals_come_at_once(stubborn: JMeterProcess) -> None:
    sequence = StopSequence(stubborn, free_stop_port(set()))
    began = time.monotonic()
    assert sequence.step(harder=True) == "SIGTERM"
    assert sequence.step(harder=True) == "SIGKILL"
    eventually(stubborn.has_ended, "the process is gone")
    assert time.monotonic() - began < 5


def test_what_a_process_left_in_its_session_ends_with_it(tmp_path: Path) -> None:
    output = tmp_path / "out"
    parent = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1).pid, flush=True)"
    )
    process = JMeterProcess.spawn([sys.executable, "-c", parent + "; input()"], dict(os.environ), tmp_path, output)
    child = int(eventually(lambda: output.read_text().split("\n")[0], "the child was started"))
    eventually(process.has_ended, "the parent is gone")
    eventually(lambda: not pid_is_running(child), "the child is gone")


def test_an_adopted_process_is_seen_to_end(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as child:
        identity = identity_of(child.pid)
        assert identity is not None
        adopted = JMeterProcess.adopt(identity)
        assert not adopted.has_ended()
        child.kill()
        eventually(adopted.has_ended, "the process is gone")
        assert adopted.return_code is None


def test_stop_ports_that_were_given_are_not_given_again() -> None:
    given: set[int] = set()
    for _ in range(50):
        port = free_stop_port(given)
        assert port not in given
        given.add(port)
