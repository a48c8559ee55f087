"""The body of ``POST /api/loadtest/start``: validated here, trusted everywhere else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tandem_engine.faults import BadArgument
from tandem_engine.settings import bytes_of_heap, is_heap_size

_MOST: Final = 2**31 - 1
_KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[\ud800-\udfff]")
_LONGEST_VALUE: Final = 32 * 1024
_LEAST_HEAP: Final = 32 * 1024**2

SET_UP_LIMIT: Final = 300
TEAR_DOWN_LIMIT: Final = 30
_LONGEST_TEAR_DOWN: Final = 3600
_MOST_FILES: Final = 1000
_DEEPEST: Final = 16
LONGEST_NAME: Final = 255

# What the engine itself needs to say: its stop port, its way of reading the JTL, how it finds its processes again.
RESERVED_PROPERTIES: Final = frozenset(
    {
        "jmeterengine.force.system.exit",
        "jmeterengine.nongui.port",
        "jmeterengine.nongui.maxport",
        "jmeter.save.saveservice.autoflush",
        "jmeter.save.saveservice.default_delimiter",
        "jmeter.save.saveservice.output_format",
        "jmeter.save.saveservice.print_field_names",
        "jmeter.save.saveservice.successful",
        "jmeter.save.saveservice.thread_counts",
        "jmeter.save.saveservice.time",
        "jmeter.save.saveservice.timestamp_format",
        "tandem.execution.id",
        "tandem.dashboard.id",
    }
)

_JVM_SIZE: Final = re.compile(r"-X(?:ss|mn|ms|mx)")
_JVM_FLAG: Final = re.compile(r"-XX:(?:[+-][A-Za-z0-9]+|[A-Za-z][A-Za-z0-9]*)")
_JVM_PROPERTY: Final = re.compile(r"(?:-D)?[A-Za-z_][A-Za-z0-9_.\-]*")
_JVM_VALUE: Final = re.compile(r"[^\s\x00-\x1f\x7f\"'`$\\]{0,1000}")
# Options that run programs, load code, or read and write files where the caller says.
_JVM_REFUSED: Final = re.compile(r"-XX:[+-]?(?:On\w+|Flags|VMOptionsFile|\w*(?:File|Path|Directory|Log\w*))")


@dataclass(frozen=True, slots=True)
class FileBeside:
    """A file that goes along: an uploaded file, and its name beside the plan, as the plan calls it."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class ExecutionRequest:
    """What to run and how. Times are in seconds.

    ``duration``: for how long the main thread groups send. ``set_up_limit``: within which the first of them must have
    sent. ``tear_down_limit``: for how long tear-down groups may run. ``respect_loops``: finite loops may end it sooner.
    """

    test_plan_path: str
    test_name: str | None = None
    description: str | None = None
    threads: int = 1
    loops: int = 1
    ramp_up: int | None = None
    duration: int | None = None
    timeout: int = 3600
    heap_size: str = "1g"
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm_args: Mapping[str, str] = field(default_factory=dict)
    respect_loops: bool = False
    set_up_limit: int = SET_UP_LIMIT
    tear_down_limit: int = TEAR_DOWN_LIMIT
    files: tuple[FileBeside, ...] = ()

    @property
    def plan_properties(self) -> dict[str, str]:
        """What the plan reads as ``${__P(name)}``: the load's shape goes before properties of the same names."""
        given = {"threads": str(self.threads), "loops": str(self.loops), **self.properties}
        for name, value in (
            ("threads", self.threads),
            ("loops", self.loops),
            ("rampUp", self.ramp_up),
            ("duration", self.duration),
        ):
            if value is not None:
                given[name] = str(value)
        return given

    def parameters(self) -> dict[str, Any]:
        """The ``parameters`` member of a TestExecution."""
        return {
            "threads": self.threads,
            "loops": self.loops,
            "rampUp": self.ramp_up,
            "duration": self.duration,
            "timeout": self.timeout,
            "heapSize": self.heap_size,
            "properties": dict(self.properties),
            "jvmArgs": dict(self.jvm_args),
            "respectLoops": self.respect_loops,
            "setUpLimitSec": self.set_up_limit,
            "tearDownLimitSec": self.tear_down_limit,
        }


def parse_request(body: object, default_heap: str) -> ExecutionRequest:
    """Read a TestExecutionRequest. Raises BadArgument that names every wrong field with its rule."""
    if not isinstance(body, dict):
        raise BadArgument("the body must be a JSON object")
    reader = _Reader(body)
    properties = reader.properties()
    request = ExecutionRequest(
        test_plan_path=reader.text("testPlanPath", longest=4096, required=True) or "",
        test_name=reader.text("testName", longest=500),
        description=reader.text("description", longest=10_000),
        threads=reader.integer("threads", 1, 1, properties) or 1,
        loops=reader.integer("loops", 1, 1, properties) or 1,
        ramp_up=reader.integer("rampUp", None, 0),
        duration=reader.integer("duration", None, 1),
        timeout=reader.integer("timeout", 3600, 10) or 3600,
        heap_size=reader.heap_size(default_heap),
        properties=properties,
        jvm_args=reader.jvm_arguments(),
        respect_loops=reader.flag("respectLoops"),
        set_up_limit=reader.integer("setUpLimitSec", SET_UP_LIMIT, 1) or SET_UP_LIMIT,
        tear_down_limit=reader.tear_down_limit(),
        files=reader.files(),
    )
    if reader.faults:
        raise BadArgument("; ".join(reader.faults))
    return request


def jvm_argument(key: str, value: str) -> str:
    """One entry of ``jvmArgs`` as the JVM takes it; a key without a dash is a system property."""
    if _JVM_SIZE.fullmatch(key):
        return key + value
    if not key.startswith("-"):
        key = f"-D{key}"
    return f"{key}={value}" if value or key.startswith("-D") else key


class _Reader:
    """Takes fields out of a JSON object and collects what is wrong with them."""

    def __init__(self, body: dict[str, object]) -> None:
        self._body = body
        self.faults: list[str] = []

    def text(self, name: str, longest: int, required: bool = False) -> str | None:
        value = self._body.get(name)
        if value is None or (required and value == ""):
            if required:
                self.faults.append(f"{name} is required")
            return None
        if not isinstance(value, str) or len(value) > longest or "\0" in value or not _is_unicode(value):
            self.faults.append(f"{name} must be text of at most {longest} characters")
            return None
        return value

    def integer(
        self, name: str, default: int | None, least: int, properties: dict[str, str] | None = None
    ) -> int | None:
        value = self._body.get(name)
        if value is None and properties and re.fullmatch(r"[0-9]{1,10}", properties.get(name, "")):
            # A property of the same name stands in for a field that was not sent: the plan reads both as -Jname,
            # and the field's default must not hide it.
            value = int(properties[name])
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            self.faults.append(f"{name} must be a whole number from {least} to {_MOST}")
            return default
        return value

    def flag(self, name: str) -> bool:
        value = self._body.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.faults.append(f"{name} must be true or false")
        return False

    def tear_down_limit(self) -> int:
        limit = self.integer("tearDownLimitSec", TEAR_DOWN_LIMIT, 0)
        if limit is not None and limit > _LONGEST_TEAR_DOWN:
            self.faults.append(f"tearDownLimitSec must be at most {_LONGEST_TEAR_DOWN}")
        return TEAR_DOWN_LIMIT if limit is None else limit

    def files(self) -> tuple[FileBeside, ...]:
        value = self._body.get("files")
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > _MOST_FILES:
            self.faults.append(f"files must be a list of at most {_MOST_FILES} files")
            return ()
        taken: dict[str, FileBeside] = {}
        for index, each in enumerate(value):
            path, name = (each.get("path"), each.get("name")) if isinstance(each, dict) else (None, None)
            if not isinstance(path, str) or not path or len(path) > 4096:
                self.faults.append(f"files.{index}.path must be the path of an uploaded file")
            elif not isinstance(name, str) or not is_name_beside(name):
                self.faults.append(
                    f"files.{index}.name must be a file's name, or a path below the plan's folder, of at most "
                    f"{LONGEST_NAME} bytes in each part"
                )
            elif name in taken:
                self.faults.append(f"files.{index}.name is the name of another file: {name[:100]}")
            else:
                taken[name] = FileBeside(path, name)
        return tuple(taken.values())

    def heap_size(self, default: str) -> str:
        value = self._body.get("heapSize")
        if value is None or value == "":
            return default
        if not isinstance(value, str) or not is_heap_size(value):
            self.faults.append("heapSize must be digits and k, m or g, such as 512m")
            return default
        if bytes_of_heap(value) < _LEAST_HEAP:
            self.faults.append("heapSize must be at least 32m")
        return value

    def properties(self) -> dict[str, str]:
        taken: dict[str, str] = {}
        for key, value in self._map("properties"):
            if not _KEY.fullmatch(key):
                self.faults.append(
                    f"properties has the key {key[:60]!r}: a key must be letters, digits, '_', '.' and '-', and not "
                    "begin with '.' or '-'"
                )
            elif key in RESERVED_PROPERTIES:
                self.faults.append(f"properties.{key} is set by the engine itself")
            elif (text := _scalar(value)) is None or _CONTROL.search(text) or len(text) > _LONGEST_VALUE:
                self.faults.append(
                    f"properties.{key} must be text without line breaks and other control characters, a number or a "
                    f"boolean, of at most {_LONGEST_VALUE} characters"
                )
            else:
                taken[key] = text
        return taken

    def jvm_arguments(self) -> dict[str, str]:
        taken: dict[str, str] = {}
        for key, value in self._map("jvmArgs"):
            allowed = _JVM_SIZE.fullmatch(key) or _JVM_FLAG.fullmatch(key) or _JVM_PROPERTY.fullmatch(key)
            text = "" if value is None else _scalar(value)
            if not allowed or _JVM_REFUSED.fullmatch(key):
                self.faults.append(
                    f"jvmArgs has the key {key[:60]!r}: allowed are -Xss, -Xmn, -Xms, -Xmx, -XX: options that name no "
                    "file or program, and system properties"
                )
            elif text is None or not _JVM_VALUE.fullmatch(text):
                self.faults.append(f"jvmArgs.{key} must be text without blanks, quotes, '$' and '\\', or a number")
            elif _JVM_SIZE.fullmatch(key) and not is_heap_size(text):
                self.faults.append(f"jvmArgs.{key} must be digits and k, m or g, such as 512k")
            else:
                taken[key] = text
        return taken

    def _map(self, name: str) -> list[tuple[str, object]]:
        value = self._body.get(name)
        if value is None:
            return []
        if not isinstance(value, dict) or len(value) > 500:
            self.faults.append(f"{name} must be an object with at most 500 members")
            return []
        return [(str(key), member) for key, member in value.items()]


def _scalar(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return None


def is_name_beside(name: str) -> bool:
    """Whether a file may lie beside the plan under this name: relative, and no way upwards."""
    parts = name.split("/")
    return len(parts) <= _DEEPEST and all(
        part not in {"", ".", ".."}
        and len(part.encode("utf-8", errors="surrogatepass")) <= LONGEST_NAME
        and part.isprintable()
        and "\\" not in part
        and _is_unicode(part)
        for part in parts
    )


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
