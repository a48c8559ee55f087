"""Each run under a user of its own, so that what a plan can read and end is its own.

Where the engine runs as root (the image does), every JMeter gets a user id that nothing else on the machine has: it
reads its working directory, what everybody may read, and nothing of the engine or of other runs. The engine's own files
lie in directories that a run can pass through, by a whole name that it does not know, and not list. The engine itself
gives up what it does not need of root. Where it does not run as root, all runs share its user; ``seal`` then is what
keeps its memory closed.
"""

import contextlib
import ctypes
import logging
import os
import secrets
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem_engine.data_root import DataRoot
from tandem_engine.jmeter_home import JMeter

_log = logging.getLogger(__name__)

USERS: Final = range(50_000, 60_000)
"""The user ids of runs; nobody else on the machine may have them. Below 65,536, where containers' users end."""

_PASSABLE: Final = 0o711
_KILL_ROUNDS: Final = 50
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION: Final = 0x20080522
# CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID: hand files over and take them back, end runs, become their user.
NEEDED: Final = (0, 1, 3, 5, 6, 7)


class NotContained(Exception):
    """Runs shall have users of their own and cannot; the text says why."""


@dataclass(frozen=True, slots=True)
class Containment:
    """Whether runs get users of their own. ``why_not`` says why they do not."""

    why_not: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether each run gets a user of its own."""
        return self.why_not is None

    def new_user(self, taken: Collection[int], alive: Collection[int]) -> int | None:
        """A user id for a new run, none of ``taken`` if there is one, never one of ``alive``; None when it is off."""
        if not self.is_on:
            return None
        free = sorted(set(USERS).difference(taken)) or sorted(set(USERS).difference(alive))
        return secrets.choice(free)


NOT_CONTAINED: Final = Containment("it was not asked for")


def contain(root: DataRoot, jmeter: JMeter) -> Containment:
    """See whether runs can have users of their own here, and make it so for this process and its data root.

    Raises OSError when the right is there and something else went wrong.
    """
    if os.geteuid() != 0:
        return Containment("the engine does not run as root")
    missing = [number for number in NEEDED if not _effective_capabilities() >> number & 1]
    if missing:
        return Containment(f"the engine lacks the capabilities {missing}")
    why_not = _close(root) or _unreachable(jmeter, root)
    if why_not is not None:
        return Containment(why_not)
    _give_up_the_rest()
    return Containment()


def hand_over(work: Path, written: Collection[Path], user: int) -> None:
    """Give a run the directory ``work`` with all directories below it, and empty files to write. Raises OSError.

    The files lie in a directory of the engine's, so the run can fill them and cannot put anything in their place. (Its
    result file cannot be made so: JMeter writes no header into a file that is there. See ``take_in``.)
    """
    for file in written:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchown(descriptor, user, user)
        finally:
            os.close(descriptor)
        file.parent.chmod(_PASSABLE)
    for directory, _, _ in os.walk(work):
        os.chown(directory, user, user, follow_symlinks=False)
        Path(directory).chmod(0o700)


def take_in(written: Path, place: Path, user: int) -> None:
    """Put a file that a run has made in its own directory in a place of the engine's, as far as it is made yet.

    It is the same file under a second name, so it goes on growing there, and what the run does with the first name
    changes nothing. What is no plain file of the run's user is left alone. Raises OSError.
    """
    aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        os.link(written, aside, follow_symlinks=False)
    except FileNotFoundError:
        return
    status = aside.lstat()
    if stat.S_ISREG(status.st_mode) and status.st_uid == user:
        aside.rename(place)
    else:
        aside.unlink()


def take_back(directory: Path) -> None:
    """Close a directory that a run's user has filled to all but the engine. Raises OSError."""
    os.chown(directory, os.geteuid(), os.getegid(), follow_symlinks=False)
    directory.chmod(0o700)


def kill_all_of(user: int) -> None:
    """End every process of a run's user, also those that made themselves a session of their own."""
    for _ in range(_KILL_ROUNDS):
        left = list(_processes_of(user))
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # One that was just forking may have a child that was not there yet.
        time.sleep(0.02)
    _log.error("processes of a run are not to be ended", extra={"user": user})


def private_environment(directory: Path) -> dict[str, str]:
    """What a JMeter that has no home is told of where to put things: below its own directory."""
    return {"HOME": str(directory), "TMPDIR": str(directory)}


def private_jvm_arguments(directory: Path) -> list[str]:
    """The same for its JVM, which asks neither variable; its performance data would lie in everybody's /tmp."""
    return [f"-Djava.io.tmpdir={directory}", f"-Duser.home={directory}", "-XX:-UsePerfData"]


def _processes_of(user: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            lines = (entry / "status").read_text("utf-8", errors="replace").splitlines()
        except OSError:
            continue
        fields = {line.partition(":")[0]: line.partition(":")[2].split() for line in lines[:12]}
        # Real, effective, saved and file-system user; the state comes before them.
        if str(user) in fields.get("Uid", ()) and fields.get("State", ["Z"])[0] not in "ZX":
            yield int(entry.name)


def _close(root: DataRoot) -> str | None:
    """Let runs pass through the data root and list nothing in it; why that is not to be had, or None."""
    probe = root.path / f".probe-{secrets.token_hex(4)}"
    try:
        probe.touch(mode=0o600)
        os.chown(probe, USERS[0], USERS[0])
        if probe.stat().st_uid != USERS[0]:
            return f"the file system of {root.path} keeps no owners"
        uploads = (root.testplans, root.data, root.misc, root.once)
        for directory in (root.path, root.path / "uploads", *uploads, root.work, root.results, root.reports):
            directory.chmod(_PASSABLE)
        # Of engines that did not contain their runs: their names can be guessed.
        for directory in (*root.results.iterdir(), *root.reports.iterdir()):
            if not _belongs_to_a_run(directory):
                directory.chmod(0o700 if directory.is_dir() else 0o600)
    except PermissionError as error:
        return f"files cannot be given to other users: {error}"
    finally:
        probe.unlink(missing_ok=True)
    return None


def _belongs_to_a_run(directory: Path) -> bool:
    results = directory / "results.jtl"
    return results.is_file() and results.stat().st_uid in USERS


def _unreachable(jmeter: JMeter, root: DataRoot) -> str | None:
    """Whether another user can start this JMeter and reach the data root; what stands in the way, or None."""
    for path in (jmeter.java, jmeter.jar, jmeter.launcher, root.path):
        if path is not None and (closed := _closed_above(path)) is not None:
            return f"other users do not reach {path}: {closed} is closed to them"
    program = jmeter.java or Path("/bin/true")
    try:
        tried = subprocess.run(
            [str(program), "-version"],
            user=USERS[0],
            group=USERS[0],
            extra_groups=[],
            cwd=root.path,
            env={},
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"no program can be started as another user: {error}"
    return None if tried.returncode == 0 else f"{program} does not start as another user"


def _closed_above(path: Path) -> Path | None:
    """The first directory on the way to a file that others cannot pass, or the file that they cannot read."""
    real = Path(os.path.realpath(path))
    for each in reversed(real.parents):
        if not each.stat().st_mode & 0o001:
            return each
    return None if real.stat().st_mode & (0o001 if real.is_dir() else 0o004) else real


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text("ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _give_up_the_rest() -> None:
    """Keep of root only NEEDED, for this process and all that it starts, for good. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    _call(lambda: libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    if _effective_capabilities() >> 8 & 1:  # SETPCAP, without which the bounding set stays as it is
        for number in range(64):
            # EINVAL: the kernel has no capability of this number.
            if number not in NEEDED and libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
                break
    kept = sum(1 << number for number in NEEDED)
    data = (_Data * 2)(_Data(kept, kept, 0), _Data(0, 0, 0))
    header = _Header(_CAPABILITY_VERSION, 0)
    _call(lambda: libc.capset(ctypes.byref(header), data), "capset")


def _call(function: Callable[[], int], name: str) -> None:
    if function() != 0:
        raise OSError(ctypes.get_errno(), f"{name} failed")
