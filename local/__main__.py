"""The command line: `python -m local up | engine | put-event FILE`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from local.engine_process import engine_environment
from local.environment import aws_environment, process_environment
from local.errors import StackError
from local.functions import FunctionLoadError
from local.ports import PortInUse, choose
from local.resolve import TemplateError
from local.settings import PROJECT, Settings, SettingsError
from local.template import LOCAL_BUS_NAME


class EventFileError(Exception):
    """An event file that cannot be sent; the message says what is wrong with it."""


def main(arguments: list[str]) -> int:
    """Runs one command; 0 is success, 1 a fault that was said in a sentence, 2 a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Tandem on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start the whole stack; Ctrl-C stops it")
    start.add_argument("--engines", type=int, default=1, choices=range(1, 9), help="how many engines to start")
    commands.add_parser("engine", help="start the engine alone")
    put_event = commands.add_parser("put-event", help="put an event file on the bus of a running stack")
    put_event.add_argument("file", type=Path)
    demo = commands.add_parser("demo", help="run one experiment with its load, from the first event to the table")
    demo.add_argument("--jmx", type=Path, help="your own test plan instead of examples/checkout.jmx")
    demo.add_argument("--target", help="your own system on this machine, such as http://127.0.0.1:9000")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.from_environment(os.environ)
        if options.command == "up":
            return up(replace(settings, engines=options.engines))
        if options.command == "engine":
            return run_engine(settings)
        if options.command == "demo":
            return demonstrate(settings, options.jmx, options.target)
        return put_event_file(settings, options.file)
    except (SettingsError, StackError, PortInUse, TemplateError, FunctionLoadError, EventFileError) as exc:
        print(f"error: {exc}", file=sys.stderr)  # noqa: T201 - a command line's own output
        return 1


def up(settings: Settings) -> int:
    """Starts the stack, says where it is, and waits for SIGINT or SIGTERM."""
    # Here and not above: moto takes seconds to import, and the other commands do without.
    from local.stack import LocalStack

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("local").setLevel(logging.INFO)
    asked_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_stop.set())
    with LocalStack(settings) as stack:
        _say(
            "Tandem is ready (Ctrl-C stops it)",
            f"  console {stack.api_url}/console",
            f"  API     {stack.api_url}   (health: {stack.api_url}/health)",
            f"  AWS     {stack.aws_url}   (EventBridge bus {LOCAL_BUS_NAME})",
            *[f"  engine  {url}" for url in (stack.engine_url, *stack.more_engines.values())],
            f"  state   {settings.state_directory}",
        )
        asked_to_stop.wait()
        _say("stopping ...")
    _say("stopped")
    return 0


def run_engine(settings: Settings) -> int:
    """Becomes the engine, on its port and with the stack's data directory."""
    port = choose(settings.engine_port, "TANDEM_ENGINE_PORT")
    data_directory = settings.state_directory / "engine"
    data_directory.mkdir(parents=True, exist_ok=True)
    environment = engine_environment(port, data_directory)
    os.execve(sys.executable, [sys.executable, "-m", "tandem_engine"], environment)  # noqa: S606 - no shell is wanted


def demonstrate(settings: Settings, plan: Path | None, target: str | None) -> int:
    """Plays the demo; its analysis of the samples is Tandem's own, so this alone needs the package to be found."""
    sys.path.insert(0, str(PROJECT / "shared"))
    from local.demo.command import run_demo

    return run_demo(settings, plan, target)


def put_event_file(settings: Settings, file: Path) -> int:
    """Puts the event of a file on the stack's bus. Raises EventFileError."""
    event = _read_event(file)
    endpoint = f"http://127.0.0.1:{settings.aws_port}"
    entry: dict[str, Any] = {
        "EventBusName": LOCAL_BUS_NAME,
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event.get("resources", []),
    }
    with process_environment(aws_environment(endpoint)):
        client: Any = boto3.client("events")
        try:
            answer = client.put_events(Entries=[entry])
        except Exception as exc:
            raise EventFileError(
                f"no local stack takes the event at {endpoint} (is `make up` running?): {exc}"
            ) from exc
    if answer["FailedEntryCount"]:
        raise EventFileError(f"the bus refused {file}: {answer['Entries'][0].get('ErrorMessage')}")
    _say(f"{event['detail-type']} is on {LOCAL_BUS_NAME} as {answer['Entries'][0]['EventId']}")
    return 0


def _read_event(file: Path) -> dict[str, Any]:
    try:
        event = json.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise EventFileError(f"{file} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise EventFileError(f"{file} is no JSON: {exc}") from exc
    if not isinstance(event, dict):
        raise EventFileError(f"{file} holds no JSON object")
    for name, kind in (("source", str), ("detail-type", str), ("detail", dict)):
        if not isinstance(event.get(name), kind) or not event[name]:
            raise EventFileError(f"{file}: the event needs a {name} ({'text' if kind is str else 'an object'})")
    return event


def _say(*lines: str) -> None:
    print("\n".join(lines), flush=True)  # noqa: T201 - a command line's own output


if __name__ == "__main__":
    # `python -m local` puts the working directory first on sys.path; the project must be found from anywhere.
    sys.path.insert(0, str(PROJECT))
    sys.exit(main(sys.argv[1:]))
