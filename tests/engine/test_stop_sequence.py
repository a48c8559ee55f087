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
from tandem_engine.signs import GrowingFile, RunSigns
from tandem_engine.stop_sequence import StopSequence, free_stop_port

from tests.engine.engine_process import eventually, pid_is_running

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_sequence, "STOP_NOW_FOR", 0.6)
    monkeypatch.setattr(stop_sequence, "TERMINATE_FOR", 0.4)


@pytest.fixture
def signs(tmp_path: Path) -> RunSigns:
    return RunSigns(tmp_path / "jmeter.out", tmp_path / "jmeter.log")


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
def test_each_means_is_tried_in_turn_until_the_process_is_gone(stubborn: JMeterProcess, signs: RunSigns) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(1)
        sequence = StopSequence(stubborn, listener.getsockname()[1], signs, gentle_for=0.6)
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


@pytest.mark.usefixtures("quick")
def test_no_word_is_said_twice_to_one_who_took_it_and_tear_down_gets_its_time(
    stubborn: JMeterProcess, signs: RunSigns, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        sequence = StopSequence(stubborn, listener.getsockname()[1], signs, gentle_for=0.6, tear_down_limit=1.0)
        means: list[str] = []
        began = time.monotonic()
        said = 0

        def step() -> bool:
            nonlocal said
            signs.look()
            if changed := sequence.step():
                means.append(changed)
            if not said and means == ["Shutdown"]:
                said = (tmp_path / "jmeter.out").write_text("Command: Shutdown received from /127.0.0.1\n")
                (tmp_path / "jmeter.log").write_text("... INFO o.a.j.e.S: Starting tearDown thread groups\n")
            return "StopTestNow" in means

        eventually(step, "the tear-down groups have had their time", within=10)
        assert means == ["Shutdown", "nothing more while the tear-down groups run", "StopTestNow"]
        assert time.monotonic() - began >= 1.0
        assert [listener.recv(100) for _ in range(2)] == [b"Shutdown", b"StopTestNow"]


def test_words_are_counted_in_a_file_that_grows_also_across_the_pieces_that_are_read(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "log", (b"word", b"orders"))
    file.look()
    assert file.counts == {b"word": 0, b"orders": 0}
    for piece in ("a wo", "rd or", "ders word", "wordword", "w"):
        with (tmp_path / "log").open("a") as sink:
            sink.write(piece)
        file.look()
    assert file.counts == {b"word": 4, b"orders": 1}


def test_in_a_hurry_signals_come_at_once(stubborn: JMeterProcess, signs: RunSigns) -> None:
    sequence = StopSequence(stubborn, free_stop_port(set()), signs)
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
