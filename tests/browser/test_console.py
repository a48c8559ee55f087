"""The console in a browser, over the local stack and an engine whose result file grows."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from local.stack import LocalStack
from tests.browser.chromium import Browser
from tests.factories.platform import Experiment, Platform, until
from tests.fakes.trap_engine import TrapEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PLANS = Path(__file__).resolve().parents[1] / "fixtures" / "plans"


class Console:
    """The console as alice uses it, and the API as it answers her."""

    def __init__(self, browser: Browser, stack: LocalStack) -> None:
        self.browser = browser
        self.url = stack.api_url

    def go(self, place: str) -> None:
        self.browser.open("about:blank")
        self.browser.open(f"{self.url}/console#/{place}")
        self.browser.look("h1")

    def sign_in(self, user: str) -> None:
        self.go("tasks")
        self.browser.click("#identity")
        self.fill("user", user)
        self.browser.click("dialog [type=submit]")
        self.browser.look("#identity", user)

    def fill(self, name: str, text: str) -> None:
        field = self.browser.look(f'dialog [name="{name}"]')
        field.clear()
        field.send_keys(text)

    def choose(self, name: str, option: str) -> None:
        self.browser.look(f'dialog [name="{name}"] option', option).click()

    def save(self) -> None:
        self.browser.click("dialog [type=submit]")

    def ask(self, name: str, **query: str) -> Any:
        answer = httpx.get(f"{self.url}/{name}", params=query, headers={"X-Local-User": "alice"})
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@pytest.fixture
def console(browser: Browser, stack: LocalStack) -> Console:
    used = Console(browser, stack)
    used.sign_in("alice")
    return used


def test_the_frame_knows_the_user_and_calls_nobody_else(console: Console, platform: Platform) -> None:
    browser = console.browser
    origin = re.match(r"http://[^/]+", console.url)
    assert origin is not None
    assert browser.hosts_called() == {origin.group()}
    assert browser.run("return [localStorage['tandem.user'], document.title]") == ["alice", "Tasks – Tandem"]

    browser.click("#identity")
    browser.look('dialog [name="user"]')
    browser.press(Keys.ESCAPE)
    until(lambda: not browser.all("dialog"), "the end of the dialog", 5)
    assert browser.run("return document.activeElement.id") == "identity"
    console.sign_in("Zoë 王")
    other = platform.plan()
    browser.click(".places a", "Strategies")
    browser.look(".empty", "No strategies yet")
    assert other.experiment_id not in browser.text
    assert browser.complaints() == []


def test_a_definition_is_made_of_uploaded_files_and_its_faults_stand_beside_the_fields(
    console: Console, tmp_path: Path
) -> None:
    browser = console.browser
    console.go("definitions")
    browser.click(".view-head .button", "New definition")
    console.save()
    browser.look('[data-field="name"] .fault', "is required")
    assert browser.run("return document.activeElement.name") == "name"
    assert browser.look('dialog [name="name"]').get_attribute("aria-invalid") == "true"

    browser.look("#plan-file").send_keys(str(PLANS / "with_script.jmx"))
    browser.look(".preflight .chip", "Preflight: warnings")
    assert "runs code that the plan brings along" in browser.look(".findings").text
    assert browser.accessibility_faults() == []
    browser.shoot("console-definition-preflight")
    (tmp_path / "users.csv").write_bytes(b"name,password\n")
    browser.look("#data-file").send_keys(str(tmp_path / "users.csv"))
    browser.look('[data-field="dataFiles"] .preflight', "Uploaded: users.csv")
    (tmp_path / "large.csv").write_bytes(b"0123456789abcde\n" * (300 << 10))
    browser.look("#data-file").send_keys(str(tmp_path / "large.csv"))
    browser.look('[data-field="dataFiles"] .preflight', "Uploaded: large.csv, 4.7 MiB")
    console.fill("name", "checkout <b>")
    console.fill("endpoint", "http://127.0.0.1:9000")
    console.fill("properties", "catalogue: autumn\ncolour: red")
    browser.click('dialog [name="subResults"]')
    console.save()
    browser.look("tbody th", "checkout <b>")
    [made] = [
        each
        for each in httpx.post(f"{console.url}/QueryLoadTestDefinitions", headers={"X-Local-User": "alice"}).json()[
            "result"
        ]["data"]
        if each["name"] == "checkout <b>"
    ]
    assert made["contentRef"].startswith("tandem://uploads/")
    assert [path.rpartition("/")[2] for path in made["dataFiles"]] == ["users.csv", "large.csv"]
    assert made["properties"] == {"catalogue": "autumn", "colour": "red"}
    assert (made["threads"], made["subResults"]) == (10, True)

    browser.click('[aria-label="Edit: checkout <b>"]')
    assert browser.look('dialog [name="subResults"]').is_selected()
    console.choose("entry", "one request")
    console.fill("urlCase.path", "/health")
    console.fill("loops", "many")
    console.save()
    browser.look('[data-field="loops"] .fault:not([hidden])')
    browser.look('dialog [name="loops"]').clear()
    console.save()
    browser.look("tbody td", "GET /health")
    assert console.ask("GetLoadTestDefinition", id=made["id"])["urlCase"]["path"] == "/health"


def test_a_strategy_is_made_changed_and_deleted_and_what_it_uses_cannot_go(console: Console) -> None:
    browser = console.browser
    console.go("definitions")
    browser.click(".view-head .button")
    console.fill("name", "used")
    console.fill("endpoint", "http://127.0.0.1:9000")
    console.choose("entry", "one request")
    console.save()
    browser.look("tbody th", "used")
    browser.click(".places a", "Strategies")
    browser.look("h1", "Strategies")
    browser.click(".view-head .button", "New strategy")
    console.fill("experimentId", "exp-made-here")
    console.choose("definitionId", "used")
    console.fill("slo.maxErrorRate", "7")
    console.save()
    browser.look('[data-field="slo.maxErrorRate"] .fault', "1")
    console.fill("slo.maxErrorRate", "0.07")
    console.save()
    row = browser.look("tbody tr", "exp-made-here")
    assert "error rate ≤ 7%" in row.text
    made = console.ask("GetLoadTestStrategyByExperimentId", experimentId="exp-made-here")
    assert (made["startBeforeFaultSec"], made["trafficDurationSec"], made["slo"]["maxErrorRate"]) == (30, 300, 0.07)

    browser.click(".view-head .button", "New strategy")
    console.fill("experimentId", "exp-made-here")
    console.choose("definitionId", "used")
    console.save()
    browser.look('[data-field="experimentId"] .fault', f"has the strategy {made['id']} already")
    browser.press(Keys.ESCAPE)
    console.go("definitions")
    browser.click('[aria-label="Delete: used"]')
    browser.click("dialog .is-danger")
    assert made["id"] in browser.look("dialog .alert:not([hidden])").text
    browser.press(Keys.ESCAPE)

    console.go("strategies?experimentId=exp-made-here")
    browser.click('[aria-label="Edit: exp-made-here"]')
    console.fill("trafficDurationSec", "240")
    console.fill("slo.maxErrorRate", "")
    console.save()
    browser.look("tbody td", "4 min")
    changed = console.ask("GetLoadTestStrategy", id=made["id"])
    assert (changed["trafficDurationSec"], changed["slo"]) == (240, None)
    assert browser.accessibility_faults() == []
    browser.shoot("console-strategies")
    browser.click('[aria-label="Delete: exp-made-here"]')
    browser.click("dialog .is-danger")
    browser.look(".empty", "Nothing matches the filter")


def test_a_run_is_watched_stopped_by_keyboard_and_becomes_its_report(
    console: Console, platform: Platform, tmp_path: Path
) -> None:
    browser = console.browser
    experiment = platform.plan(start_before_fault_sec=7, traffic_duration_sec=90)
    console.go("tasks")
    experiment.starts()
    browser.look("tbody tr .chip.is-running", "Running", 30)
    assert experiment.experiment_id in browser.look("tbody").text
    browser.click("tbody a", experiment.experiment_task_id)
    browser.look(".over", experiment.experiment_id)
    browser.look(".progress-words", "The fault is due in")
    check_live_figures(console, experiment.experiment_task_id)
    assert browser.accessibility_faults() == []
    browser.shoot("console-live")
    browser.look(".progress-words", "The fault window opened", 20)
    marks = browser.run("return [...document.querySelectorAll('.scale span')].map(each => each.textContent)")
    assert [mark.split()[0] for mark in marks] == ["start", "fault", "end"]
    browser.look(".event-message", "fault window opened")

    browser.click("[data-act=stop]")
    browser.look("dialog", "ends now and cannot go on")
    browser.press(Keys.ESCAPE)
    assert experiment.status == "RUNNING"
    browser.look("h1")
    browser.run("document.querySelector('h1').focus()")
    browser.tab_to("Stop the load")
    browser.press(Keys.ENTER)
    browser.look("dialog", "ends now and cannot go on")
    assert browser.accessibility_faults() == []
    browser.shoot("console-stop")
    browser.tab_to("Stop the load")
    browser.press(Keys.ENTER)
    browser.look("#announcement", "The stop is accepted")
    browser.look(".verdict", seconds=60)
    assert experiment.status == "STOPPED"

    results = console.ask("GetLoadTestResults", experimentTaskId=experiment.experiment_task_id)
    assert [item.get_attribute("data-code") for item in browser.all(".reasons li")] == [
        reason["code"] for reason in results["verdict"]["reasons"]
    ]
    shown = browser.data_of('[data-phase="ALL"]')
    assert (int(shown[0]), float(shown[1])) == (results["summary"]["samples"], results["summary"]["requestsPerSec"])
    browser.look(".chip.is-stopped", "Stopped")
    browser.shoot("console-report")
    browser.tell("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.click("[data-act=download]")
    file = tmp_path / f"tandem-{experiment.experiment_task_id}.html"
    until(file.exists, "the downloaded report", 10)
    data = re.search(r'id="report-data">(.*?)</script>', file.read_text(encoding="utf-8"))
    assert data is not None
    assert json.loads(data.group(1))["results"] == {**results, "archive": None}
    assert browser.complaints() == []


def test_a_load_on_two_engines_shows_what_each_of_them_runs(
    console: Console, platform: Platform, second_engine: TrapEngine
) -> None:
    browser = console.browser
    console.go("definitions")
    browser.click(".view-head .button")
    console.fill("name", "too large for one engine")
    console.fill("endpoint", "http://127.0.0.1:9000")
    console.choose("entry", "one request")
    console.fill("threads", "5")
    console.save()
    browser.look("tbody th", "too large for one engine")
    console.go("strategies")
    browser.click(".view-head .button")
    console.fill("experimentId", "exp-divided")
    console.choose("definitionId", "too large for one engine")
    assert browser.look('dialog [name="engines"]').get_attribute("value") == "1"
    console.fill("startBeforeFaultSec", "1")
    console.fill("engines", "6")
    console.save()
    browser.look('[data-field="engines"] .fault', "must be at most 5")
    assert browser.accessibility_faults() == []
    browser.shoot("console-strategy-engines")
    console.fill("engines", "2")
    console.save()
    assert "on 2 engines" in browser.look("tbody tr", "exp-divided").text
    assert console.ask("GetLoadTestStrategyByExperimentId", experimentId="exp-divided")["engines"] == 2

    experiment = Experiment(platform, "exp-divided", "et-divided")
    experiment.starts()
    experiment.reaches("RUNNING")
    console.go("task/et-divided")
    browser.look("#part-engines", "The load is divided among 2 engines")
    parts = console.ask("GetLoadTestTask", experimentTaskId="et-divided")["parts"]
    for part in parts:
        row = browser.look(f'#part-engines [data-key="{part["engine"]}"]').text
        assert all(text in row for text in (part["engine"], str(part["threads"]), "Running", part["executionId"]))
    assert browser.data_of("#part-engines") == ["3", "2"]
    browser.look('[data-tile="throughput"] data', seconds=20)
    assert browser.accessibility_faults() == []
    browser.shoot("console-live-engines")
    browser.wear(375, height=800)
    assert browser.overflow() == []
    browser.wear(1280)

    experiment.hears("FaultWindowOpen", 60)
    second_engine.restart(forget_runs=True)
    browser.look(".verdict", seconds=60)
    assert experiment.status == "FAILED"
    browser.look('#part-engines [data-key="second"]', "the engine no longer knows this execution")
    browser.look('[data-fact="execution"]', f"of the first engine, {parts[0]['engine']}")
    assert browser.accessibility_faults() == []
    browser.shoot("console-report-engines")
    # What was asked for above, which Chromium notes as a failed request.
    assert all("422" in complaint for complaint in browser.complaints())


def check_live_figures(console: Console, experiment_task_id: str) -> None:
    """The tiles show an interval of the series, and the charts have drawn it."""
    browser = console.browser
    browser.look('[data-tile="throughput"] data', seconds=20)
    shown = browser.run(
        "return ['throughput', 'p95', 'errors', 'threads'].map(name =>"
        "document.querySelector(`[data-tile=${name}] data`).getAttribute('value'))"
    )
    series = console.ask("GetLoadTestTimeseries", experimentTaskId=experiment_task_id)
    columns = [series["throughput"], series["p95"], series["successRate"], series["activeThreads"]]
    rows = [[value for _, value in row] for row in zip(*columns, strict=True)]
    intervals = [[rate, p95, pytest.approx((100 - success) / 100), threads] for rate, p95, success, threads in rows]
    assert [float(value) for value in shown] in intervals
    assert browser.run("return document.querySelectorAll('.plot canvas').length") == 4


def test_tasks_are_filtered_and_paged_and_the_address_keeps_it(console: Console, platform: Platform) -> None:
    browser = console.browser
    stopped = platform.plan(start_before_fault_sec=1)
    stopped.starts()
    stopped.reaches("RUNNING")
    stopped.finishes()
    stopped.reaches("STOPPED")
    console.go("tasks?status=STOPPED")
    assert stopped.experiment_task_id in browser.look("tbody").text
    assert {chip.text for chip in browser.all("tbody .chip:not([data-verdict])")} == {"Stopped"}
    stopped.hears("LoadTestReportReady")
    console.go("tasks?verdict=INCONCLUSIVE")
    assert stopped.experiment_task_id in browser.look("tbody", "Inconclusive").text
    assert {chip.text for chip in browser.all("tbody [data-verdict]")} == {"Inconclusive"}
    console.go("tasks?status=STOPPED")
    browser.look("tbody a", stopped.experiment_task_id)

    browser.look("#filter-experimentTaskId").send_keys("et-nothing", Keys.ENTER)

    browser.look(".empty", "Nothing matches the filter")
    assert browser.run("return location.hash") == "#/tasks?status=STOPPED&experimentTaskId=et-nothing"
    browser.click(".filters a", "Clear")
    browser.look("tbody a", stopped.experiment_task_id)
    console.go(f"task/{stopped.experiment_task_id}x")
    browser.look(".alert:not([hidden])", "LOAD_TEST_TASK_NOT_FOUND")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_console_is_accessible_and_fits_a_phone_in_chinese(
    console: Console, platform: Platform, dark: bool
) -> None:
    browser = console.browser
    platform.plan()
    browser.click("[data-language=zh]")
    for place, title in (("tasks", "任务"), ("strategies", "策略"), ("definitions", "定义")):
        browser.wear(375, dark=dark, height=800)
        console.go(place)
        browser.look("h1", title)
        browser.look(".pager, .empty")
        assert browser.overflow() == [], place
        assert browser.accessibility_faults() == [], place
        browser.shoot(f"console-{place}-{'dark' if dark else 'light'}-phone")


def test_an_api_that_is_away_is_said_and_tried_again(console: Console) -> None:
    browser = console.browser
    browser.tell("Network.enable")
    offline = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.tell("Network.emulateNetworkConditions", offline=True, **offline)
    browser.look(".alert:not([hidden])", "The API cannot be reached", 20)
    browser.tell(
        "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    until(lambda: not browser.all(".alert:not([hidden])"), "the end of the alert", 30)
