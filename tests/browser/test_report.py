"""The report in a browser, opened as the file that it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from tandem.adapters.pages.report import write_report

from tests.browser.chromium import Browser
from tests.factories.jtl import Sample
from tests.factories.reports import START, report, shop_run, unanalysed_report

pytestmark = pytest.mark.slow


def show(browser: Browser, tmp_path: Path, document: dict[str, Any]) -> None:
    file = tmp_path / "report.html"
    file.write_text(write_report(document, "en"), encoding="utf-8")
    browser.open(file.as_uri())
    browser.look(".verdict")


def exact(value: object) -> str:
    """A number as JavaScript writes it into an attribute."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def summary_values(group: dict[str, Any]) -> list[str]:
    latency = [group["latency"][name] for name in ("mean", "p50", "p90", "p95", "p99", "max")]
    return [exact(value) for value in (group["samples"], group["requestsPerSec"], group["errorRate"], *latency)]


def test_a_broken_objective_is_told_first_and_every_figure_is_that_of_the_analysis(
    browser: Browser, tmp_path: Path
) -> None:
    document = report()
    show(browser, tmp_path, document)
    results = document["results"]
    verdict = results["verdict"]

    assert browser.look(".verdict-word").text == "Fail"
    codes = [item.get_attribute("data-code") for item in browser.all(".reasons li")]
    assert codes == [reason["code"] for reason in verdict["reasons"]]
    for name in ("timeToRecover", "timeToDetect"):
        assert browser.data_of(f'[data-tile="{name}"]') == [exact(verdict[f"{name}Sec"])]
    for name in ("failedRequests", "throughputDeficit"):
        assert browser.data_of(f'[data-tile="{name}"]') == [exact(verdict[name])]
    for phase in results["phases"]:
        corrected = [exact(phase["corrected"][name]) for name in ("p95", "p99")]
        assert browser.data_of(f'[data-phase="{phase["name"]}"]') == summary_values(phase) + corrected
        if "change" in phase:
            change = [exact(phase["change"][name]) for name in ("p95", "errorRate", "requestsPerSec")]
            assert browser.data_of(f'[data-change="{phase["name"]}"]') == change
    assert browser.data_of('[data-phase="ALL"]') == summary_values(results["summary"])
    labels = [value for group in results["labels"] for value in [*summary_values(group), exact(group["receivedBytes"])]]
    assert browser.data_of("#part-labels") == labels
    assert browser.data_of("#part-topErrors") == [exact(kind["count"]) for kind in results["topErrors"]["kinds"]]
    assert [item.get_attribute("data-objective") for item in browser.all("[data-objective]")] == [
        "maxP95Ms",
        "maxErrorRate",
        "minThroughputRatio",
        "maxRecoverySec",
    ]
    assert len(browser.all(".events li")) == len(document["events"]["events"])
    link = browser.look('[data-fact="jtl"] a')
    assert link.get_attribute("href") == results["resultUrl"]
    assert browser.complaints() == []
    assert browser.hosts_called() == set()


def test_the_tables_behind_the_charts_hold_the_series(browser: Browser, tmp_path: Path) -> None:
    document = report(shop_run(length=130))
    show(browser, tmp_path, document)
    series = document["timeseries"]
    expected = {
        "Throughput": [series["throughput"]],
        "Latency (ms)": [series["p99"], series["p95"], series["avgLatency"]],
        "Active threads": [series["activeThreads"]],
    }

    for chart in browser.all(".chart"):
        title = chart.find_element("css selector", "h3").text
        chart.find_element("css selector", "summary").click()
        browser.look(".chart .scroll table")
        values = browser.run(
            "return [...arguments[0].querySelectorAll('data')].map(each => each.getAttribute('value'))", chart
        )
        if title in expected:
            rows = zip(*expected[title], strict=True)
            assert values == [exact(value) for row in rows for _, value in row if value is not None], title
        else:
            assert title == "Error rate"
            shares = [(100 - rate) / 100 for _, rate in series["successRate"] if rate is not None]
            assert [float(value) for value in values] == pytest.approx(shares)


def test_charts_are_drawn_and_can_be_read_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    document = report()
    show(browser, tmp_path, document)
    drawn = """
        return [...document.querySelectorAll('.plot canvas')].map(canvas => {
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            return new Set(new Uint32Array(pixels.buffer)).size;
        });
    """
    assert all(colours > 20 for colours in browser.run(drawn))

    browser.tab_to("Throughput")
    slider = browser.look('.plot[role="slider"]')
    assert slider.get_attribute("aria-valuetext") == "use the arrow keys to read the values"
    browser.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    stamp, value = document["timeseries"]["throughput"][1]
    assert stamp % 60_000 == 6_000
    assert slider.get_attribute("aria-valuetext") == f"03:04:06: requests/s {value:.1f}".removesuffix(".0") + "/s"
    # The other charts follow, so that one reads them all at one moment.
    p95 = document["timeseries"]["p95"][1][1]
    assert f"{p95} ms" in [each.text for each in browser.all(".reading")]
    browser.press(Keys.END)
    assert slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    browser.press(Keys.ESCAPE)
    assert slider.get_attribute("aria-valuetext") == "use the arrow keys to read the values"


@pytest.mark.parametrize(
    ("name", "make", "dark", "width"),
    [
        ("fail", report, False, 1280),
        ("fail", report, True, 1280),
        ("fail", report, False, 375),
        ("fail", report, True, 375),
        ("degraded", lambda: report(slo=None), True, 1280),
        ("inconclusive", lambda: report(shop_run(None, length=60), fault=None), False, 1280),
        ("running", lambda: unanalysed_report("RUNNING"), False, 375),
    ],
)
def test_the_report_is_accessible_and_fits_its_window(
    browser: Browser, tmp_path: Path, name: str, make: Callable[[], dict[str, Any]], dark: bool, width: int
) -> None:
    browser.wear(width, dark=dark)

    show(browser, tmp_path, make())

    assert browser.overflow() == []
    widths = "return [...document.querySelectorAll('tbody th')].map(each => each.getBoundingClientRect().width)"
    assert min(browser.run(widths), default=90) >= 60
    assert browser.accessibility_faults() == []
    browser.shoot(f"report-{name}-{'dark' if dark else 'light'}-{width}")


@pytest.mark.parametrize(
    ("make", "word", "sentence"),
    [
        (lambda: report(shop_run(slow_ms=0, error_share=0)), "Pass", "No lasting deviation from the baseline was seen"),
        (lambda: report(slo=None), "Degraded", "Users felt the fault. It showed"),
        (
            lambda: report(shop_run(None, length=60), fault=None),
            "Inconclusive",
            "There was no fault while the load ran",
        ),
        (lambda: report(proven=False), "Inconclusive", "No requests were verified before the fault began"),
        (lambda: report(shop_run(length=112)), "Fail", "not within the run"),
        (lambda: report(iter([])), "Inconclusive", "the result file holds no samples"),
        (
            lambda: unanalysed_report("PENDING", "the load has not been started"),
            "Not started yet",
            "has not sent a request yet",
        ),
        (lambda: unanalysed_report("RUNNING"), "Still running", "The verdict comes when the load has ended"),
        (lambda: unanalysed_report("FAILED"), "No verdict", "The run has left no result file."),
    ],
)
def test_what_is_not_known_is_said_and_never_a_zero(
    browser: Browser, tmp_path: Path, make: Callable[[], dict[str, Any]], word: str, sentence: str
) -> None:
    document = make()
    show(browser, tmp_path, document)

    assert browser.look(".verdict-word").text == word
    assert sentence in browser.text
    if document["results"]["summary"] is None:
        assert browser.data_of(".part") == []
    assert "NaN" not in browser.text
    assert "undefined" not in browser.text
    assert "null" not in browser.text
    assert browser.complaints() == []


def test_of_an_older_run_it_is_not_said_that_it_withstood_a_fault_nobody_reported(
    browser: Browser, tmp_path: Path
) -> None:
    document = report(shop_run(slow_ms=0, error_share=0))
    show(browser, tmp_path, document)
    assert "The service withstood the fault." in browser.text
    document["results"]["faultWindow"] |= {"startFrom": "FAULT_WINDOW_OPEN", "endFrom": "EXPERIMENT_FINISHED"}
    del document["results"]["verdict"]["basis"]
    show(browser, tmp_path, document)
    assert browser.look(".verdict-word").text == "Pass"
    assert "withstood the fault" not in browser.text
    assert "nobody reported when the fault began and ended" in browser.text


def test_the_language_follows_the_reader_and_can_be_switched(browser: Browser, tmp_path: Path) -> None:
    document = report()
    show(browser, tmp_path, document)
    assert browser.run("return document.documentElement.lang") == "en-GB"

    browser.click("[data-language=zh]")

    assert browser.look(".verdict-word").text == "不通过"
    assert browser.run("return document.documentElement.lang") == "zh-CN"
    assert browser.focused == "中文"
    assert "故障一开始即显现" in browser.text
    reasons = browser.look(".reasons").text
    assert "SLO 上限" in reasons
    assert "the slo allows" not in reasons
    assert "由平台上报" in browser.look(".verdict-basis").text
    assert browser.run("return document.querySelectorAll('canvas').length") == 4
    assert browser.accessibility_faults() == []
    browser.shoot("report-fail-chinese")
    chinese = Browser(tmp_path / "profile", language="zh-CN", zone="Asia/Shanghai")
    try:
        chinese.open((tmp_path / "report.html").as_uri())
        assert chinese.look(".verdict-word").text == "不通过"
        assert "UTC+08:00" in chinese.text
        assert "11:04:05" in chinese.look('[data-fact="loadStarted"]').text
    finally:
        chinese.close()


def test_hostile_texts_are_only_shown(browser: Browser, tmp_path: Path) -> None:
    attack = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    start = int(START.timestamp() * 1000)
    samples = [Sample(start + n * 100, 9, label=attack, code=attack, message=attack, success=False) for n in range(90)]
    document = report(iter(samples))
    document["experimentId"] = document["task"]["errorMessage"] = attack
    document["results"]["resultUrl"] = "javascript:document.title='owned'"
    document["events"]["events"] = [attack, '{"ts": "never", "type": null}']

    show(browser, tmp_path, document)

    assert browser.look("h1").text == attack
    assert attack in browser.look("#part-labels").text
    assert browser.all("img") == []
    assert browser.all('a[href^="javascript"]') == []
    assert browser.run("return document.title").startswith("</script>")
    assert browser.complaints() == []
    browser.wear(375, height=800)
    assert browser.overflow() == []


def test_the_kept_files_of_every_engine_are_linked(browser: Browser, tmp_path: Path) -> None:
    names = ["analysis.json", "dashboard-2.zip", "report.html", "results.jtl.gz", "results-2.jtl.gz"]
    files = [{"name": name, "url": f"https://kept.test/{name}"} for name in names]
    document = report()
    document["results"]["archive"] = {
        "archivedAt": "2026-01-02T03:20:00.000+00:00",
        "expiresAt": "2026-01-02T04:20:00.000+00:00",
        "resultUrl": "https://kept.test/results.jtl.gz",
        "analysisUrl": "https://kept.test/analysis.json",
        "reportUrl": "https://kept.test/report.html",
        "dashboardUrl": None,
        "files": files,
    }

    show(browser, tmp_path, document)

    links = browser.all('[data-fact="archive"] .kept a')
    assert {link.get_attribute("href") for link in links} == {file["url"] for file in files}
    assert len({link.text for link in links}) == len(files)
    assert browser.complaints() == []


def part_of(engine: str, status: str, reason: str | None) -> dict[str, Any]:
    begun = status != "PENDING"
    return {
        "engine": engine,
        "threads": 6,
        "executionId": f"run-on-{engine}" if begun else None,
        "status": status,
        "startTime": "2026-01-02T03:04:05.000+00:00" if begun else None,
        "endTime": None if reason is None else "2026-01-02T03:07:05.000+00:00",
        "endReason": reason,
        "resultPath": f"results/{engine}/results.jtl" if begun else None,
        "reportPath": None,
        "logPath": None,
    }


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 1280), (False, 375)])
def test_a_run_on_several_engines_says_on_which(browser: Browser, tmp_path: Path, dark: bool, width: int) -> None:
    document = report()
    ended = "stopped because the experiment ended"
    parts = [part_of("default", "STOPPED", ended), part_of("engine-2", "FAILED", "it <b>failed</b>")]
    document["task"]["parts"] = document["results"]["parts"] = [*parts, part_of("engine-3", "PENDING", None)]
    line = '{"ts": 1767323047000, "type": "STARTED", "message": "JMeter runs", "engine": "engine-2"}'
    document["events"]["events"].append(line)
    browser.wear(width, dark=dark)

    show(browser, tmp_path, document)

    told = browser.look("#part-engines").text
    assert "The load is divided among 3 engines: default, engine-2, engine-3." in told
    rows = {
        name: browser.look(f'#part-engines [data-key="{name}"]').text for name in ("default", "engine-2", "engine-3")
    }
    assert all(text in rows["default"] for text in ("Stopped", "run-on-default", ended))
    assert all(text in rows["engine-2"] for text in ("Failed", "run-on-engine-2", "it <b>failed</b>"))
    assert "Never started" in rows["engine-3"]
    assert browser.data_of("#part-engines") == ["6", "6", "6"]
    assert "engine-2" in browser.all(".events li")[-1].text
    assert "of the first engine, default" in browser.look('[data-fact="jtl"]').text
    assert browser.overflow() == []
    assert browser.accessibility_faults() == []
    assert browser.complaints() == []
    browser.shoot(f"report-engines-{'dark' if dark else 'light'}-{width}")


def test_a_run_on_one_engine_says_nothing_of_engines(browser: Browser, tmp_path: Path) -> None:
    show(browser, tmp_path, report())

    assert browser.all("#part-engines") == []
    assert "of the first engine" not in browser.text
