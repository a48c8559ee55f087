"""The command line: `python -m local up | sample | engine | put-event FILE | demo`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sqlalchemy.engine import make_url

from local.demo.failure import DemoFailure
from local.engine_process import engine_environment, engine_silence
from local.errors import StackError
from local.functions import FunctionLoadError
from local.plain_log import hush_interrupted_executions, use_plain_lines
from local.ports import PortInUse, choose
from local.put_event import EventFileError, EventSender
from local.resolve import TemplateError
from local.sample import make_sample
from local.sample_shop import SampleShop
from local.settings import PROJECT, ServerKind, Settings, SettingsError
from local.template import LOCAL_BUS_NAME


def main(arguments: list[str]) -> int:
    """Runs one command; 0 is success, 1 a fault that was said in a sentence, 2 a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Tandem on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start the whole stack; Ctrl-C stops it")
    start.add_argument("--engines", default="1", help="how many engines to start: 1 to 8")
    start.add_argument("--no-shop", action="store_true", help="without the small shop that `make sample` puts load on")
    _add_database(start)
    commands.add_parser("engine", help="start the engine alone")
    put_event = commands.add_parser("put-event", help="put an event file on the bus of a running stack")
    put_event.add_argument("file", type=Path)
    sample = commands.add_parser("sample", help="a plan, a definition and a strategy for the sample event")
    sample.add_argument("--target", help="your own system on this machine instead of the stack's shop")
    demo = commands.add_parser("demo", help="run one experiment with its load, from the first event to the table")
    demo.add_argument("--jmx", type=Path, help="your own test plan instead of examples/checkout.jmx")
    demo.add_argument("--target", help="your own system on this machine, such as http://127.0.0.1:9000")
    _add_database(demo)
    options = parser.parse_args(arguments)
    try:
        settings = Settings.from_environment(os.environ)
        if options.command == "up":
            settings = replace(settings, engines=_engines(options.engines), database_server=_server(options.database))
            return up(settings, with_shop=not options.no_shop)
        if options.command == "engine":
            return run_engine(settings)
        if options.command == "demo":
            settings = replace(settings, database_server=_server(options.database))
            return demonstrate(settings, options.jmx, options.target)
        if options.command == "sample":
            make_sample(settings, options.target, _say)
        else:
            EventSender(settings, _say).send(options.file)
    except (SettingsError, StackError, PortInUse, TemplateError, FunctionLoadError, EventFileError, DemoFailure) as exc:
        print(f"error: {exc}", file=sys.stderr)  # noqa: T201 - a command line's own output
        return 1
    return 0


def _add_database(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--database",
        default="sqlite",
        help="sqlite, mysql or mariadb, with its data in the state directory; TANDEM_DATABASE_URL names another one",
    )


def _server(database: str) -> ServerKind | None:
    """Raises SettingsError."""
    if database == "sqlite":
        return None
    if database not in set(ServerKind):
        raise SettingsError(f"DATABASE must be sqlite, mysql or mariadb, not {database!r}")
    return ServerKind(database)


def up(settings: Settings, *, with_shop: bool = True) -> int:
    """Starts the stack, says where it is, and waits for SIGINT or SIGTERM."""
    # Before the imports of the stack: moto takes seconds, and so does its start.
    _say("starting Tandem's local stack ... (about ten seconds)")
    from local.stack import LocalStack

    use_plain_lines()
    os.environ.setdefault("TANDEM_ENGINE_LOG_FORMAT", "plain")
    asked_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_stop.set())
    # The shop ends after the stack: its loads must not fail while they are being stopped.
    with ExitStack() as outlasting, LocalStack(replace(settings, plain_log=True)) as stack:
        shop = outlasting.enter_context(SampleShop(settings)) if with_shop else None
        _say(
            "Tandem is ready (Ctrl-C stops it)",
            f"  console {stack.api_url}/console",
            f"  API     {stack.api_url}   (health: {stack.api_url}/health)",
            f"  AWS     {stack.aws_url}   (EventBridge bus {LOCAL_BUS_NAME})",
            *[f"  engine  {url}" for url in (stack.engine_url, *stack.more_engines.values())],
            *([] if shop is None else [f"  shop    {shop.url}   (a small system to load: make sample)"]),
            f"  data    {_shown(stack.settings)}",
            f"  state   {settings.state_directory}",
        )
        silent = engine_silence(settings.engine_url) if settings.engine_url else None
        if silent is not None:
            _say(f"warning: the engine of TANDEM_ENGINE_URL does not answer, so no load can start: {silent}")
        asked_to_stop.wait()
        hush_interrupted_executions()
        _say("stopping ... (loads are stopped, and JMeter may still write its dashboards: up to half a minute)")
    _say("stopped")
    return 0


def _engines(text: str) -> int:
    """Raises SettingsError."""
    if text not in set("12345678"):
        raise SettingsError(f"ENGINES must be a whole number from 1 to 8, not {text!r}")
    return int(text)


def _shown(settings: Settings) -> str:
    """The database's URL without a password."""
    return make_url(settings.effective_database_url).render_as_string(hide_password=True)


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


def _say(*lines: str) -> None:
    print("\n".join(lines), flush=True)  # noqa: T201 - a command line's own output


if __name__ == "__main__":
    # `python -m local` puts the working directory first on sys.path; the project must be found from anywhere.
    # The gateway takes the requests that the engine takes, by the engine's own rule.
    sys.path[:0] = [str(PROJECT), str(PROJECT / "engine")]
    sys.exit(main(sys.argv[1:]))
