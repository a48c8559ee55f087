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
class ExecutionRequest:
    """What to run and how. ``ramp_up``, ``duration`` and ``timeout`` are in seconds."""

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


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
