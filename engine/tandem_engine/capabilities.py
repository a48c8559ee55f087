"""What this engine can load and run, read from the jars of its JMeter: asked by whoever judges a plan before it starts.

The jars are read as files (``class_files``), which takes well under a second; the answer is kept as long as the engine
lives, because JMeter too reads its jars when a run starts and nobody changes them meanwhile.
"""

import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tandem_engine import __version__
from tandem_engine.class_files import ClassFile, class_names_of, classes_of
from tandem_engine.jmeter_home import JMeter, java_version

FEATURES: Final = ("capabilities", "durations", "files", "generator-health", "recent-figures")
"""What the engine does beyond the first contract, by a word for each: a client looks here before it relies on one.

durations: the main groups of every kind last ``duration`` from their first sample. files: a start names files to lie
beside the plan. generator-health, recent-figures: members ``generator`` and ``recent`` of the metrics.
"""

_ELEMENT: Final = "org.apache.jmeter.testelement.TestElement"
_FUNCTION: Final = "org.apache.jmeter.functions.Function"
_FUNCTION_NAME: Final = re.compile(r"__[A-Za-z]\w*")
# Apache JMeter's own jars are named for what they speak; these speak nothing.
_OWN_JAR: Final = re.compile(r"ApacheJMeter_([a-z]+)(?:-[0-9.]+)?\.jar")
_NO_PROTOCOLS: Final = frozenset(("components", "config", "core", "functions", "java", "native"))
_OWN_LIBRARIES: Final = ("bshclient.jar", "jorphan.jar")
_CLASS_PATHS: Final = ("search_paths", "user.classpath", "plugin_dependency_paths")


@dataclass(frozen=True, slots=True)
class _Installed:
    """What the jars hold. ``elements`` are all names by which a plan can say them: aliases, classes, former names."""

    version: str | None
    elements: list[str]
    functions: list[str]
    plug_ins: list[str]
    protocols: list[str]


class Capabilities:
    """Answers what the engine can do; computed when it is first asked. Safe for several threads."""

    def __init__(self, jmeter: JMeter) -> None:
        self._jmeter = jmeter
        self._lock = threading.Lock()
        self._answer: dict[str, Any] | None = None

    def to_wire(self) -> dict[str, Any]:
        """The answer of ``GET /api/loadtest/capabilities``.

        With a launcher script whose JMeter we do not see, versions and lists of JMeter are null: not known. Raises
        OSError.
        """
        with self._lock:
            if self._answer is None:
                self._answer = self._compute()
            return self._answer

    def _compute(self) -> dict[str, Any]:
        home, java = self._jmeter.home, self._jmeter.java
        installed = None if home is None else read_home(home)
        return {
            "engine": "tandem",
            "engineVersion": __version__,
            "jmeterVersion": installed.version if installed else None,
            "javaVersion": None if java is None else java_version(java),
            "elements": installed.elements if installed else None,
            "functions": installed.functions if installed else None,
            "plugins": installed.plug_ins if installed else None,
            "protocols": installed.protocols if installed else None,
            "features": list(FEATURES),
        }


def read_home(home: Path) -> _Installed:
    """Read what a JMETER_HOME can load. Raises OSError."""
    bundled = sorted((home / "lib" / "ext").glob("*.jar"))
    if not bundled:
        raise FileNotFoundError(f"there are no jars in {home / 'lib' / 'ext'}")
    searched = [*bundled, *_further_jars(home)]
    classes = {each.name: each for each in classes_of(searched)}
    concrete = [each for each in classes.values() if each.is_concrete]
    elements = {each.name for each in concrete if _descends(each, _ELEMENT, classes)}
    aliases = {
        name
        for names, target in _properties(home / "bin" / "saveservice.properties")
        if target in elements
        for name in names.split(",")
    }
    # "oldClass=newClass": JMeter reads plans of its early versions by them.
    former = {
        name
        for name, target in _properties(home / "bin" / "upgrade.properties")
        if target in elements and name.replace(".", "").isalnum()
    }
    functions = {
        text
        for each in concrete
        if _descends(each, _FUNCTION, classes)
        for text in each.texts
        if _FUNCTION_NAME.fullmatch(text)
    }
    own = [found[1] for jar in bundled if (found := _OWN_JAR.fullmatch(jar.name))]
    return _Installed(
        version=_version(home),
        elements=sorted(elements | aliases | former),
        functions=sorted(functions),
        plug_ins=sorted(jar.name for jar in searched if not _OWN_JAR.fullmatch(jar.name)),
        protocols=sorted(set(own) - _NO_PROTOCOLS),
    )


def _descends(each: ClassFile, ancestor: str, classes: Mapping[str, ClassFile]) -> bool:
    waiting, seen = list(each.parents), set[str]()
    while waiting:
        name = waiting.pop()
        if name == ancestor:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(classes[name].parents if name in classes else ())
    return False


def _further_jars(home: Path) -> Iterator[Path]:
    """The jars outside lib/ext that can hold elements: plug-ins in lib, and where the properties say."""
    for jar in sorted((home / "lib").glob("*.jar")):
        if jar.name not in _OWN_LIBRARIES and any("jmeter." in name for name in class_names_of([jar])):
            yield jar
    properties = {
        name: value
        for file in ("jmeter.properties", "user.properties")
        for name, value in _properties(home / "bin" / file)
        if name in _CLASS_PATHS
    }
    for value in properties.values():
        for place in filter(None, re.split(r"[;:]", value)):
            path = home / "bin" / place
            yield from sorted(path.glob("*.jar")) if path.is_dir() else [path]


def _version(home: Path) -> str | None:
    """The version that JMeter's own jar says."""
    try:
        with zipfile.ZipFile(home / "bin" / "ApacheJMeter.jar") as archive:
            manifest = archive.read("META-INF/MANIFEST.MF").decode("utf-8", errors="replace")
    except (KeyError, zipfile.BadZipFile):
        return None
    found = re.search(r"^Implementation-Version: *(\S+)", manifest, re.MULTILINE)
    return found[1] if found else None


def _properties(file: Path) -> Iterator[tuple[str, str]]:
    """The entries of a Java properties file, as far as JMeter's own files use that format."""
    if not file.is_file():
        return
    for line in file.read_text("utf-8", errors="replace").splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith(("#", "!")):
            yield name.strip(), value.strip()
