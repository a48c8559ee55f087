"""The demo's story, step by step: everything through the public API and the event bus, as a chaos platform would."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import httpx

from local.demo.api import TandemApi
from local.demo.display import Display
from local.demo.failure import DemoFailure
from local.demo.figures import recovered
from local.demo.load_watch import LoadWatch, Shown
from local.demo.options import OWN_PLAN, DemoOptions
from local.demo.plan_shape import shape_of
from local.demo.platform import ChaosPlatform
from local.demo.shop import Fault
from local.demo.shop_control import ShopControl
from local.demo.stage import Stage

STEPS = 7
USERS = 16
RAMP_UP_SECONDS = 2
LEAD_SECONDS = 10
FAULT_SECONDS = 15
RECOVERY_SECONDS = 12
LONGEST_RECOVERY_SECONDS = 90
TRAFFIC_SECONDS = 240
GATE_SECONDS = 60
MAX_ERROR_RATE = 0.5
FAULT = Fault(latency_ms=250, error_share=0.2)

_WINDOW_DEADLINE = 75.0
_STOP_DEADLINE = 60.0
_DASHBOARD_DEADLINE = 60.0
_GIVE_UP_DEADLINE = 15.0
_POLL_SECONDS = 0.5
_LOOK_FOR_RECOVERY_SECONDS = 2.0
_KNOWN_WITH_THE_DEFINITION = "UNRESOLVED"
"""At the upload such a finding means: threads and duration come with the definition, two steps later."""


@dataclass(frozen=True)
class Told:
    """What the story left behind. `fault` None: nothing was injected. `report` is an HTML page. Times are UTC."""

    task: Any
    results: Any
    events: list[str]
    jtl: bytes
    fault: Fault | None
    fault_start: datetime
    fault_end: datetime
    dashboard: bool
    report: str


class Scenario:
    """One experiment with its load, on a stage that is open. `name` sets it apart from all others."""

    def __init__(self, stage: Stage, options: DemoOptions, display: Display, name: str) -> None:
        self._stage = stage
        self._options = options
        self._display = display
        self._name = name
        self._api = TandemApi(stage.client, stage.api_url)
        self._platform = ChaosPlatform(stage.aws_url, f"exp-{name}", name)
        self._load = LoadWatch(stage, self._api, display, name)
        self._shop = None if stage.shop_url is None else ShopControl(stage.client, stage.shop_url)
        self._running = False

    def play(self) -> Told:
        """The whole story. Raises DemoFailure."""
        try:
            self._create(self._upload())
            self._announce()
            self._await_window()
            fault_start = self._break()
            fault_end = self._mend(fault_start)
            self._finish()
            return self._collect(fault_start, fault_end)
        finally:
            if self._running:
                self._give_up()
            self._platform.close()

    def _upload(self) -> str:
        plan = self._options.plan
        shown = "examples/checkout.jmx" if plan == OWN_PLAN else str(plan)
        self._display.step(2, STEPS, f"Upload a JMeter test plan: {shown}")
        upload = self._api.upload_plan(plan)
        self._display.say(f"POST /UploadJmxFile  ->  {upload['uploadPath']}")
        preflight = upload["preflight"]
        findings = [
            f"{finding['severity']}: {finding['message']}"
            for finding in preflight["findings"]
            if (finding["severity"], finding["code"]) != ("OK", _KNOWN_WITH_THE_DEFINITION)
        ]
        self._display.say(f"preflight: {preflight['status']}")
        for finding in findings:
            self._display.say(f"  {finding}")
        if preflight["status"] == "DENY":
            raise DemoFailure("the preflight refuses the plan, for the reasons above")
        return str(upload["uploadPath"])

    def _create(self, upload_path: str) -> None:
        self._display.step(3, STEPS, "Create the load test definition and its strategy")
        definition = self._api.create_definition(
            {
                "name": self._name,
                "engineType": "JMETER",
                "endpoint": self._stage.target,
                "entry": "JMX",
                "contentRef": upload_path,
                "threads": USERS,
                "rampUp": RAMP_UP_SECONDS,
            }
        )
        self._display.say(f"POST /CreateLoadTestDefinition  ->  {definition}")
        shape = shape_of(self._options.plan, self._stage.target, USERS)
        self._display.say(f"  the load: {shape.sentence(self._stage.target)}")
        strategy = self._api.create_strategy(
            {
                "definitionId": definition,
                "experimentId": f"exp-{self._name}",
                "startBeforeFaultSec": LEAD_SECONDS,
                "trafficDurationSec": TRAFFIC_SECONDS,
                "abortOnLoadFailure": True,
                "stopOnCompletion": True,
                "gate": {"timeoutSec": GATE_SECONDS, "maxErrorRate": MAX_ERROR_RATE},
            }
        )
        self._display.say(f"POST /CreateLoadTestStrategy  ->  {strategy}")
        self._display.say(f"  the load runs {LEAD_SECONDS} s before the fault and stops with the experiment;")
        self._display.say("  if the load fails, the experiment is aborted: a fault without load would show nothing")

    def _announce(self) -> None:
        self._display.step(4, STEPS, "A chaos platform announces its experiment, and waits for FaultWindowOpen")
        self._platform.listen()
        self._running = True
        self._platform.announce()
        self._display.say("event ExperimentStarting on the bus: Tandem starts JMeter, waits until requests really")
        self._display.say(f"arrive, and lets them go on for {LEAD_SECONDS} s: the baseline to compare with")

    def _await_window(self) -> None:

        def look() -> dict[str, Any] | None:
            self._platform.hear()
            for abort in self._platform.heard_of("ExperimentAbortRequested"):
                reason = self._load.explained(str(abort["reason"]))
                raise DemoFailure(f"Tandem asked to abort the experiment: {reason}")
            opened = self._platform.heard_of("FaultWindowOpen")
            return opened[0] if opened else None

        def shown(_waited: float) -> Shown:
            first = self._load.first_sample_at
            if first is None:
                return Shown("starting", 0.0, "JMeter starts")
            left = self._load.seconds_to_prove
            if left is not None:
                return Shown("gate", 1 - left / GATE_SECONDS, f"{left:.0f} s to give up")
            left = max(0.0, first + LEAD_SECONDS - time.time())
            return Shown("baseline", 1 - left / LEAD_SECONDS, f"{left:.0f} s to the fault")

        window = self._load.until(look, shown, _WINDOW_DEADLINE, "FaultWindowOpen did not come", to_end=False)
        if not window["loadProven"]:
            reason = self._load.explained(str(window.get("reason")))
            raise DemoFailure(f"the fault window opened without a verified load: {reason}")
        self._display.say("event FaultWindowOpen heard: the load is verified and the baseline measured")

    def _break(self) -> datetime:
        """When the fault began."""
        if self._shop is None:
            self._display.step(5, STEPS, "The fault window")
            self._display.say(
                f"the system is yours, so nothing is broken here: {FAULT_SECONDS} s are marked as the fault"
            )
            self._display.say("(break something yourself now, if you like)")
            start = datetime.now(tz=UTC)
        else:
            self._display.step(5, STEPS, f"The platform breaks the shop, for {FAULT_SECONDS} s")
            errors = round(1 / FAULT.error_share)
            self._display.say(f"every request takes {FAULT.latency_ms} ms longer and one in {errors} fails")
            start = datetime.now(tz=UTC)
            self._shop.inject(FAULT)
        self._platform.fault_began(start)
        self._pass_time("FAULT", FAULT_SECONDS, "its end")
        return start

    def _mend(self, start: datetime) -> datetime:
        """When the fault ended; returns when the recovery was seen, or after the longest time to wait for it."""
        self._display.step(6, STEPS, "The fault is over, the load goes on: does the system recover?")
        if self._shop is not None:
            self._shop.heal()
        end = datetime.now(tz=UTC)
        self._platform.fault_ended(end)
        self._pass_time("recovery", RECOVERY_SECONDS, "the end")
        if self._shop is not None:
            self._await_recovery(start, end)
        return end

    def _await_recovery(self, start: datetime, end: datetime) -> None:
        """On a busy machine it may take a while until the figures are steady again."""
        began, looked = time.monotonic(), 0.0
        longest = LONGEST_RECOVERY_SECONDS - RECOVERY_SECONDS

        def look() -> bool | None:
            nonlocal looked
            now = time.monotonic()
            if now - began >= longest:
                return True
            if now - looked < _LOOK_FOR_RECOVERY_SECONDS:
                return None
            looked = now
            return recovered(self._jtl_so_far(), start, end, RAMP_UP_SECONDS) or None

        def shown(waited: float) -> Shown:
            return Shown("recovery", min(1.0, waited / longest), f"at most {max(0.0, longest - waited):.0f} s more")

        if look() is None:
            self._display.say("not recovered yet; this machine is busy? The load goes on until the recovery is seen")
            self._load.until(look, shown, longest + 10.0, "the recovery did not come", to_end=False)

    def _jtl_so_far(self) -> bytes:
        """What there is of the samples; nothing while the engine does not answer."""
        url = self._load.samples_url
        if url is None:
            return b""
        try:
            return self._stage.client.get(url, timeout=10.0).raise_for_status().content
        except httpx.HTTPError:
            return b""

    def _finish(self) -> None:
        self._display.step(7, STEPS, "The experiment ends, and its load with it")
        self._platform.finish("SUCCEEDED", "the demo is over")
        self._display.say("event ExperimentFinished on the bus: Tandem stops JMeter")
        self._load.until(
            lambda: self._load.ended or None,
            lambda _waited: Shown("stopping", 1.0, "JMeter stops"),
            _STOP_DEADLINE,
            "the load did not stop",
            to_end=True,
        )
        self._running = False
        task = self._load.task
        self._display.say(
            f"GET /GetLoadTestTask  ->  {task['status']}, ran from {task['startTime']} to {task['endTime']}"
        )

    def _collect(self, fault_start: datetime, fault_end: datetime) -> Told:
        dashboard = self._await_dashboard()
        results = self._results()
        if results["resultUrl"] is None:
            raise DemoFailure("GetLoadTestResults names no JTL")
        try:
            jtl = self._stage.client.get(results["resultUrl"], timeout=30.0).raise_for_status().content
        except httpx.HTTPError as exc:
            raise DemoFailure(f"the JTL cannot be fetched from {results['resultUrl']}: {exc}") from exc
        return Told(
            task=self._load.task,
            results=results,
            events=self._api.events(self._name),
            jtl=jtl,
            fault=None if self._shop is None else FAULT,
            fault_start=fault_start,
            fault_end=fault_end,
            dashboard=dashboard,
            report=self._api.report(self._name),
        )

    def _await_dashboard(self) -> bool:
        """Whether JMeter's dashboard, which is made after the run, can be looked at."""
        self._display.say("JMeter makes its dashboard ...")
        deadline = time.monotonic() + _DASHBOARD_DEADLINE
        while time.monotonic() < deadline:
            self._stage.must_live()
            url = self._results()["reportUrl"]
            # An engine that is busy making it may be slow to answer.
            with contextlib.suppress(httpx.TransportError):
                if url and self._stage.client.get(url, timeout=10.0).status_code == httpx.codes.OK:
                    return True
            time.sleep(_POLL_SECONDS)
        return False

    def _results(self) -> Any:
        """GetLoadTestResults with whole URLs: an engine may tell them relative to its own."""
        results = self._api.results(self._name)
        for name in ("resultUrl", "reportUrl"):
            if results[name] is not None:
                results[name] = urljoin(self._stage.engine_url, results[name])
        return results

    def _pass_time(self, phase: str, seconds: int, until: str) -> None:
        """Lets time pass, while the load must go on."""
        ends = time.monotonic() + seconds
        self._load.until(
            lambda: True if time.monotonic() >= ends else None,
            lambda waited: Shown(phase, min(1.0, waited / seconds), f"{max(0.0, seconds - waited):.0f} s to {until}"),
            seconds + 5.0,
            f"{phase} did not pass",
            to_end=False,
        )

    def _give_up(self) -> None:
        """After a failure or Ctrl-C: ends the experiment, so that its load stops, and waits a while for that."""
        self._display.line("Stopping the load ...")
        # Whatever fails now, the end of the stack stops its engine's runs; and the story has failed already.
        with contextlib.suppress(DemoFailure):
            self._platform.finish("STOPPED", "the demo was interrupted")
            self._load.until(
                lambda: self._load.ended or None,
                lambda _waited: Shown("stopping", 1.0, "JMeter stops"),
                _GIVE_UP_DEADLINE,
                "the load did not stop",
                to_end=True,
            )
