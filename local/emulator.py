"""Runs a built function under AWS's Runtime Interface Emulator: its own files and layers on the path, and nothing else.

`python -m local.emulator FUNCTION EVENT_FILE` invokes one of .build/emulator (scripts/build_functions.sh emulator).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.resolve import REGION, TemplateError, load_cloudformation_yaml
from local.settings import PROJECT
from local.template import load_template

BUILD = PROJECT / ".build" / "emulator"
RUNTIME = PROJECT / ".build" / "emulator-runtime"
TOOLS = PROJECT / ".build" / "tools" / "sam"
EVERY_FUNCTION = {"BoxUrl": "http://127.0.0.1:7001"}
"""Parameters with which the template makes every function that it knows."""
_START_SECONDS = 20.0
_INIT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")


class EmulatorError(Exception):
    """The function could not be run; the message says why."""


@dataclass(frozen=True)
class BuiltFunction:
    """What a deployed function consists of: its handler, its files, its layers, as directories."""

    name: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    timeout: int
    memory_mb: int

    def opt(self, path: str) -> Path:
        """Where on this machine lies what is `/opt/...` on Lambda. Raises EmulatorError."""
        for layer in self.layers:
            if (found := layer / path.removeprefix("/opt/")).exists():
                return found
        raise EmulatorError(f"no layer of {self.name} has {path}")


def built_function(name: str, build: Path = BUILD) -> BuiltFunction:
    """A function of a build, by its logical id or its handler's file name. Raises EmulatorError."""
    try:
        document = load_cloudformation_yaml(build / "template.yaml")
    except TemplateError as missing:
        raise EmulatorError(f"there is no build: run scripts/build_functions.sh emulator ({missing})") from missing
    resources, shared = document["Resources"], document["Globals"]["Function"]
    wanted = "".join(word.capitalize() for word in name.split("_")) + "Function" if name.islower() else name
    resource = resources.get(wanted)
    if resource is None or resource["Type"] != "AWS::Serverless::Function":
        raise EmulatorError(f"the template has no function {wanted}")
    properties = resource["Properties"]
    layers = [layer["Ref"] for layer in (*shared["Layers"], *properties.get("Layers", []))]
    return BuiltFunction(
        name=wanted,
        handler=properties["Handler"],
        code=(build / properties["CodeUri"]).resolve(),
        layers=tuple((build / resources[layer]["Properties"]["ContentUri"]).resolve() for layer in layers),
        timeout=int(properties.get("Timeout", shared["Timeout"])),
        memory_mb=int(properties.get("MemorySize", shared["MemorySize"])),
    )


class Emulator:
    """One function, started once. One invocation at a time: the emulator knows no more."""

    def __init__(self, function: BuiltFunction, log: Path, invoke_port: int) -> None:
        self._function = function
        self._log = log
        self._address = f"http://127.0.0.1:{invoke_port}/2015-03-31/functions/function/invocations"

    def invoke(self, event: Any) -> Any:
        """The function's answer; an error of its handler is a mapping with errorType and errorMessage."""
        request = urllib.request.Request(self._address, json.dumps(event).encode())  # noqa: S310 - loopback
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=self._function.timeout + 10) as answer:  # noqa: S310 - as above
                    return json.loads(answer.read() or b"null")
            except urllib.error.URLError as trouble:
                refused = isinstance(trouble.reason, ConnectionRefusedError)
                if not refused or time.monotonic() > deadline:
                    raise EmulatorError(f"{self._function.name} gave no answer: {trouble}\n{self.log()}") from trouble
                time.sleep(0.02)

    def log(self) -> str:
        """What the function and the emulator have written so far."""
        return self._log.read_text(errors="replace")

    def init_ms(self) -> float | None:
        """How long the cold start took, once there was an invocation."""
        found = _INIT.search(self.log())
        return float(found.group(1)) if found else None


@contextlib.contextmanager
def emulator(function: BuiltFunction, variables: Mapping[str, str]) -> Iterator[Emulator]:
    """Starts the function with these environment variables and Lambda's own, and ends it with all its processes."""
    rie = next(TOOLS.glob(f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{_architecture()}"), None)
    if rie is None or not RUNTIME.is_dir():
        raise EmulatorError("the emulator is not installed: run scripts/setup_tool.sh sam, then the build")
    with tempfile.TemporaryDirectory(prefix="tandem-emulator-") as directory:
        # SAM's wheel carries it without the right to execute it.
        program = Path(directory) / "rie"
        program.write_bytes(rie.read_bytes())
        program.chmod(0o755)
        path = [function.code, *(layer / "python" for layer in function.layers), RUNTIME]
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": directory,
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            **variables,
            "LAMBDA_TASK_ROOT": str(function.code),
            "PYTHONPATH": ":".join(str(each) for each in path if each.is_dir()),
            # As on Lambda, where the code cannot be written to.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # -S -s: without site, no package of this machine is on the path.
        interpreter = [getattr(sys, "_base_executable", sys.executable), "-S", "-s"]
        invoke_port, api_port = _free_port(), _free_port()
        command = [str(program), "--log-level", "info"]
        command += ["--runtime-interface-emulator-address", f"127.0.0.1:{invoke_port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
        log = Path(directory) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *interpreter, "-m", "awslambdaric", function.handler],
                cwd=function.code,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield Emulator(function, log, invoke_port)
        finally:
            # The session's leader is ours, so the group is: emulator, runtime, function.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _architecture() -> str:
    return {"aarch64": "arm64", "arm64": "arm64"}.get(os.uname().machine, "x86_64")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def variables_of(function: BuiltFunction, given: Mapping[str, str]) -> dict[str, str]:
    """What the template sets for a function, as far as this machine knows it; `given` goes first."""
    template = load_template(PROJECT / "template.yaml", EVERY_FUNCTION)
    found = template.environment_of(function.name, given)
    layered = {name: str(function.opt(value)) for name, value in found.items() if value.startswith("/opt/")}
    return {**found, **layered, **given}


def choose_database(given: dict[str, str], file: Path) -> None:
    """The database that was named, or that of `make up`; where there is none yet, the migration makes an empty one."""
    if given.setdefault("TANDEM_DATABASE_URL", f"sqlite:///{file}") != f"sqlite:///{file}" or file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    migration = built_function("migrate_database")
    with emulator(migration, variables_of(migration, given)) as started:
        answer = started.invoke({})
        if not isinstance(answer, dict) or "after" not in answer:
            raise EmulatorError(f"an empty database could not be made: {answer}\n{started.log()}")


def main() -> int:
    """Invokes one function with one event, and prints its answer."""
    parser = argparse.ArgumentParser(prog="make invoke", description="Invoke a built function under Lambda's emulator.")
    parser.add_argument("function", help="its file's name, such as get_load_test_task")
    parser.add_argument("event", type=Path, help="a JSON file, such as events/get_load_test_task.json")
    arguments = parser.parse_args()
    given = {name: value for name, value in os.environ.items() if name.startswith(("TANDEM_", "AWS_", "POWERTOOLS_"))}
    given.setdefault("TANDEM_DATABASE_CA_FILE", "")
    try:
        event = json.loads(arguments.event.read_text(encoding="utf-8"))
        function = built_function(arguments.function)
        choose_database(given, PROJECT / ".tandem" / "tandem.sqlite3")
        with emulator(function, variables_of(function, given)) as started:
            answer = started.invoke(event)
            sys.stderr.write(started.log())
    except (EmulatorError, TemplateError, OSError, ValueError) as wrong:
        sys.stderr.write(f"error: {wrong}\n")
        return 1
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    return 1 if isinstance(answer, dict) and "errorType" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
