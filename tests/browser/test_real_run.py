"""One experiment from the console to its report, with a real JMeter on a shop that really breaks."""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from selenium.webdriver.remote.webelement import WebElement

from local.ports import choose
from local.settings import PROJECT, Settings
from local.stack import LocalStack
from tests.browser.chromium import Browser
from tests.browser.test_console import Console, check_live_figures
from tests.factories.platform import Experiment, Platform, until

pytestmark = [pytest.mark.slow, pytest.mark.jmeter, pytest.mark.timeout(300)]

LEAD_SECONDS = 7
FAULT_SECONDS = 5
RECOVERY_SECONDS = 9
TRAFFIC_SECONDS = 120


@pytest.fixture
def shop() -> Iterator[str]:
    port = choose(0, "the shop")
    process = subprocess.Popen([sys.executable, "-m", "local.demo.shop", str(port)], cwd=PROJECT)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: is_up(url), "the shop", 30)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def real_stack(tmp_path: Path) -> Iterator[LocalStack]:
    with LocalStack(Settings(api_port=0, aws_port=0, engine_port=0, state_directory=tmp_path, sync_seconds=2)) as stack:
        until(lambda: is_up(stack.api_url), "the stack with its engine", 60)
        yield stack


def test_an_experiment_is_set_up_watched_and_judged_in_the_browser(
    browser: Browser, real_stack: LocalStack, shop: str
) -> None:
    console = Console(browser, real_stack)
    console.sign_in("alice")
    set_up(console, shop)
    platform = Platform(real_stack)
    try:
        experiment = Experiment(platform, "exp-shop", "et-shop-1")
        console.go("task/et-shop-1")
        experiment.starts()
        browser.look(".chip.is-running", seconds=60)
        experiment.hears("FaultWindowOpen", 60)
        httpx.put(f"{shop}/fault", json={"latencyMs": 250, "errorShare": 0.2}).raise_for_status()
        watched_until = time.monotonic() + FAULT_SECONDS
        browser.look(".progress-words", "The fault window opened", 20)
        check_live_figures(console, "et-shop-1")
        browser.shoot("console-real-fault")
        until(lambda: time.monotonic() >= watched_until, "the end of the fault", FAULT_SECONDS + 5)
        httpx.delete(f"{shop}/fault").raise_for_status()
        experiment.finishes("SUCCEEDED")
        until(lambda: recovery_seconds(console) >= RECOVERY_SECONDS, "some seconds of recovery", 40)
        browser.click("[data-act=stop]")
        browser.click("dialog .is-danger")
        browser.look(".verdict", seconds=90)
        browser.shoot("console-real-report")
    finally:
        platform.close()

    assert experiment.status == "STOPPED"
    results = console.ask("GetLoadTestResults", experimentTaskId="et-shop-1")
    verdict = results["verdict"]
    assert verdict["status"] == "FAIL"
    assert [phase["name"] for phase in results["phases"]] == ["WARMUP", "BASELINE", "FAULT", "RECOVERY"]
    assert browser.look(".verdict-word").text == "Fail"
    if verdict["recovered"]:
        assert figures_of(browser.all('[data-tile="timeToRecover"] data')) == [verdict["timeToRecoverSec"]]
    else:  # on a machine that is busy with other things
        assert "not within the run" in browser.look('[data-tile="timeToRecover"]').text
    assert figures_of(browser.all('[data-tile="failedRequests"] data')) == [verdict["failedRequests"]]
    for phase in results["phases"]:
        shown = figures_of(browser.all(f'[data-phase="{phase["name"]}"] data'))
        latency = [phase["latency"][name] for name in ("mean", "p50", "p90", "p95", "p99", "max")]
        assert shown[:9] == [phase["samples"], phase["requestsPerSec"], phase["errorRate"], *latency]
    assert (results["topErrors"]["kinds"][0]["code"], verdict["failedRequests"] > 0) == ("503", True)
    assert "503" in browser.look("#part-topErrors").text
    page = httpx.get(
        f"{console.url}/GetLoadTestReport?experimentTaskId=et-shop-1", headers={"X-Local-User": "alice"}, timeout=30
    )
    # The task was looked at before it was there, which Chromium notes as a failed request.
    assert all("404" in complaint for complaint in browser.complaints())
    file = real_stack.settings.state_directory / "report.html"
    file.write_text(page.text, encoding="utf-8")
    browser.open(file.as_uri())
    assert browser.look(".verdict-word").text == "Fail"
    assert figures_of(browser.all('[data-tile="failedRequests"] data')) == [verdict["failedRequests"]]
    assert browser.complaints() == []
    browser.shoot("report-real")


def recovery_seconds(console: Console) -> float:
    """How long the load has gone on after the fault, as far as its file tells."""
    phases = console.ask("GetLoadTestTimeseries", experimentTaskId="et-shop-1")["phases"]
    last = phases[-1]
    if last["name"] != "RECOVERY":
        return 0.0
    return (datetime.fromisoformat(last["end"]) - datetime.fromisoformat(last["start"])).total_seconds()


def figures_of(elements: list[WebElement]) -> list[float]:
    return [float(element.get_attribute("value") or "nan") for element in elements]


def set_up(console: Console, shop: str) -> None:
    """Upload the plan, make the definition and the strategy, as a user does."""
    browser = console.browser
    console.go("definitions")
    browser.click(".view-head .button", "New definition")
    browser.look("#plan-file").send_keys(str(PROJECT / "examples" / "checkout.jmx"))
    browser.look(".preflight .chip")
    console.fill("name", "the shop's checkout")
    console.fill("endpoint", shop)
    console.fill("threads", "8")
    console.fill("rampUp", "1")
    console.save()
    browser.look("tbody th", "the shop's checkout")
    console.go("strategies")
    browser.click(".view-head .button", "New strategy")
    console.fill("experimentId", "exp-shop")
    console.choose("definitionId", "the shop's checkout")
    console.fill("startBeforeFaultSec", str(LEAD_SECONDS))
    console.fill("trafficDurationSec", str(TRAFFIC_SECONDS))
    console.fill("slo.maxP95Ms", "150")
    console.save()
    browser.look("tbody tr", "exp-shop")
