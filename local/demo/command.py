"""`python -m local demo`: the story, the table, the verdict."""

from __future__ import annotations

import secrets
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.demo.display import Display
from local.demo.evidence import Check, Evidence, checks, transitions
from local.demo.failure import DemoFailure, WrongOptions
from local.demo.figures import RunFigures, figures_of
from local.demo.jmeter_processes import jmeter_processes
from local.demo.options import DemoOptions
from local.demo.report import check_table, event_lines, phase_table
from local.demo.scenario import LEAD_SECONDS, RAMP_UP_SECONDS, STEPS, Scenario, Told
from local.demo.stage import Stage
from local.ports import PortInUse
from local.settings import PROJECT, Settings

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_SETTLE_SECONDS = 5.0
_INTRODUCTION = (
    "Tandem runs a load test in step with a chaos experiment: real traffic before the fault, through it, and after it,",
    "so that you see the impact on users. Here is one such experiment, for real, on this machine:",
)
_WITH_SHOP = "a JMeter load on a small shop, which is then broken for a while. It takes about a minute and a half."
_WITH_TARGET = "a JMeter load on your system; nothing is broken by the demo. It takes about a minute and a half."


def run_demo(settings: Settings, plan: Path | None, target: str | None) -> int:
    """Plays the demo; 0 when every step was seen to happen, 1 when not (a sentence says what), 130 after Ctrl-C."""
    display = Display()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options = DemoOptions.of(plan, target)
        return _play(settings, options, display)
    except WrongOptions as error:
        display.line(f"\nThe demo cannot start: {str(error).removesuffix('.')}.", "bold red")
        return 1
    except (DemoFailure, PortInUse) as exc:
        display.line(f"\nThe demo failed: {str(exc).removesuffix('.')}.", "bold red")
        display.line(f"Logs: {settings.state_directory / 'demo'}/*.log")
        return 1
    except KeyboardInterrupt:
        display.line("\nInterrupted; everything that the demo started is stopped.")
        return _INTERRUPTED


def _play(settings: Settings, options: DemoOptions, display: Display) -> int:
    for line in (*_INTRODUCTION, _WITH_SHOP if options.target is None else _WITH_TARGET):
        display.line(line)
    with Stage(settings, options.target) as stage:
        display.step(1, STEPS, "Start Tandem's local stack and the system under test")
        stage.open()
        display.say(f"API           {stage.api_url}    (API Gateway and the Lambda functions of template.yaml)")
        display.say(f"AWS services  {stage.aws_url}    (EventBridge, Step Functions, SQS, S3)")
        display.say(f"engine        {stage.engine_url}    (runs Apache JMeter)")
        display.say(f"under test    {stage.target}    ({'a small shop' if options.target is None else 'your system'})")
        name = f"demo-{datetime.now(tz=UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        told = Scenario(stage, options, display, name).play()
        figures = figures_of(told.jtl, told.fault_start, told.fault_end, RAMP_UP_SECONDS)
        _show(told, figures, stage, display)
        stage.close()
        return _judge(told, figures, stage, display)


def _show(told: Told, figures: RunFigures, stage: Stage, display: Display) -> None:
    display.line("\nResults by phase, from the JTL", "bold")
    display.show(phase_table(figures))
    display.line("Events (GetLoadTestEvents, UTC)", "bold")
    for line in event_lines(told.events):
        display.line(f"  {line}")
    report = stage.directory / "report.html"
    report.write_text(told.report, encoding="utf-8")
    display.line("\nOutput files", "bold")
    display.line(f"  {'report':<10} {report.as_uri()}")
    for title, kind, url in (("JTL", "resultPath", "resultUrl"), ("dashboard", "reportPath", "reportUrl")):
        display.line(f"  {title:<10} {_place(told.results, kind, url, stage)}")
    display.line(f"  {'logs':<10} {stage.directory}/*.log")


def _place(results: Any, kind: str, url: str, stage: Stage) -> str:
    """A file on this machine as long as the engine is ours; its URL else, since that engine goes on."""
    if stage.engine_directory is None or not results[kind]:
        return str(results[url])
    path = stage.engine_directory / results[kind]
    return (path / "index.html").as_uri() if path.is_dir() else str(path)


def _judge(told: Told, figures: RunFigures, stage: Stage, display: Display) -> int:
    evidence = Evidence(
        figures=figures,
        fault=told.fault,
        fault_start=told.fault_start,
        fault_end=told.fault_end,
        lead_seconds=LEAD_SECONDS,
        status=told.task["status"],
        started=_moment(told.task["startTime"]),
        ended=_moment(told.task["endTime"]),
        transitions=transitions(told.events),
        dashboard=told.dashboard,
        jmeter_left=_jmeter_left(stage),
        verdict=told.results["verdict"]["status"],
        recovery_seconds=told.results["verdict"]["timeToRecoverSec"],
    )
    found = checks(evidence)
    display.line("\nChecks", "bold")
    display.show(check_table(found))
    failed = [check for check in found if not check.passed]
    if failed:
        display.line(f"\nThe demo failed: {_sentence(failed)}.", "bold red")
        display.line(f"Logs: {stage.directory}/*.log")
        return 1
    display.line(f"\nAll {len(found)} checks passed.", "green")
    display.line(f"This run in the console: `TANDEM_STATE_DIR={_shown(stage.directory)} make up`, then its address.")
    display.line("Experiments of your own: `make up`, `make sample`, `make event` (README.md).")
    return 0


def _sentence(failed: list[Check]) -> str:
    return "; ".join(f"not seen: {check.claim} ({check.seen})" for check in failed)


def _shown(directory: Path) -> Path:
    """From the project, where `make` is called."""
    return directory.relative_to(PROJECT) if directory.is_relative_to(PROJECT) else directory


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _jmeter_left(stage: Stage) -> list[int]:
    """JMeter processes of our engine that are still there a while after its end; never those of a user's engine."""
    if stage.engine_directory is None:
        return []
    deadline = time.monotonic() + _SETTLE_SECONDS
    while (left := jmeter_processes(stage.engine_directory)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left
