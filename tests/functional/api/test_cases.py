"""The plans and files of fixtures/cases, each with the right value of its README, where no JMeter is needed."""

import itertools
import re

import pytest
from tandem import bootstrap
from tandem.adapters.jmx.standard_jmeter import ELEMENT_CLASSES, STANDARD_FUNCTIONS
from tandem.adapters.jtl.reader import read_jtl
from tandem.domain.analysis import Analysis, analyse
from tandem.domain.errors import UnreadableResults
from tandem.domain.samples import AnalysisPlan

from tests.engine.plan_pieces import fragment
from tests.factories.api_events import post_file
from tests.fakes.trap_engine import TrapEngine
from tests.functional.conftest import PLANS, Answer, Api, send

CASES = PLANS.parent / "cases"
DEFINITION = {"endpoint": "http://127.0.0.1:19611", "entry": "JMX", "threads": 2, "rampUp": 0, "heapSize": "256m"}


def login(host: str) -> bytes:
    """The plan that include-controller wants: one request to this host."""
    target = f'<stringProp name="HTTPSampler.domain">{host}</stringProp><stringProp name="HTTPSampler.port">19611'
    sampler = f'<HTTPSamplerProxy testname="login">{target}</stringProp></HTTPSamplerProxy><hashTree/>'
    return fragment(sampler).encode()


NAMES = (f"case {number}" for number in itertools.count())

Finding = tuple[str, str, str]


def upload(case: str) -> Answer:
    file = CASES / case
    return send("upload_jmx_file", post_file(file.read_bytes(), file.name))


def define(api: Api, uploaded: Answer, data: dict[str, bytes] | None = None) -> Answer:
    paths = [api.upload_data(content, name).result["uploadPath"] for name, content in (data or {}).items()]
    content_ref = uploaded.result["uploadPath"]
    fields = {**DEFINITION, "name": next(NAMES), "contentRef": content_ref, "dataFiles": paths}
    return api.post("create_load_test_definition", **fields)


def findings(preflight: dict[str, list[dict[str, str]]]) -> list[Finding]:
    return [(each["code"], each["severity"], each["path"]) for each in preflight["findings"]]


def of_definition(api: Api, case: str, data: dict[str, bytes] | None = None) -> list[Finding]:
    """Upload and define; the findings of the answer, which must be those that are shown later."""
    created = define(api, upload(case), data)
    assert created.status == 200, created.text
    shown = api.get("get_load_test_definition", id=created.result).result
    assert shown["preflight"] == created.body["preflight"]
    return findings(created.body["preflight"])


def stricter(settings: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        settings.setenv(name, value)
    bootstrap.reset()


THREADS = "THREADS_WRITTEN_OUT", "WARN"
RIGHT: dict[str, tuple[list[Finding], list[Finding]]] = {
    "definition-findings-unseen/plan.jmx": (
        [],
        [("TARGET_DIFFERS", "WARN", "P/U/h"), (*THREADS, "P/U"), ("OWN_RAMP_UP", "OK", "P/U")],
    ),
    "finite-loops/plan.jmx": (
        [("FINITE_LOOPS", "OK", "P/Users")],
        [(*THREADS, "P/Users"), ("FINITE_LOOPS", "OK", "P/Users")],
    ),
    "label-injection/plan.jmx": ([], [(*THREADS, 'P/Users <b>组</b>, "q"')]),
    "listener-is-code/plan-listener.jmx": ([], []),
    "listener-is-code/plan-throughput-controller.jmx": ([], []),
    "loop-index-is-no-plugin/plan.jmx": ([], []),
    "missing-csv-message/plan.jmx": (
        [("DATA_FILE_MISSING", "OK", "P/Users/csv")],
        [("DATA_FILE_MISSING", "WARN", "P/Users/csv")],
    ),
    "own-duration-denied/plan.jmx": ([], []),
    "plan-ramp-is-no-warm-up/plan.jmx": ([], [(*THREADS, "P/Users"), ("OWN_RAMP_UP", "OK", "P/Users")]),
    "serialised-groups/plan.jmx": ([("SERIALISED_GROUPS", "WARN", "")], [("SERIALISED_GROUPS", "WARN", "")]),
    "start-delays-dropped/plan.jmx": ([("DELAY_OVERRIDDEN", "OK", "P/Later")], [("DELAY_OVERRIDDEN", "OK", "P/Later")]),
    "sub-results-counted/plan-embedded.jmx": ([], []),
    "sub-results-counted/plan-redirect.jmx": ([], []),
    "transaction-totals/plan.jmx": ([], []),
    "upload-forms/bom-crlf.jmx": ([], []),
    "upload-forms/gbk.jmx": ([], []),
}


@pytest.mark.parametrize("case", RIGHT)
def test_the_findings_at_the_upload_and_of_the_definition_are_these_and_no_others(api: Api, case: str) -> None:
    at_upload, of_its_definition = RIGHT[case]
    assert findings(upload(case).result["preflight"]) == at_upload
    assert of_definition(api, case) == of_its_definition


def test_the_file_that_requests_read_is_asked_for_and_then_silent(api: Api) -> None:
    missing = [("DATA_FILE_MISSING", "WARN", "P/Users/up"), ("DATA_FILE_MISSING", "WARN", "P/Users/fts")]
    assert of_definition(api, "body-files/plan.jmx") == missing
    bodies = {"body.csv": (CASES / "body-files/body.csv").read_bytes()}
    assert of_definition(api, "body-files/plan.jmx", bodies) == []


def test_a_data_file_of_any_kind_may_be_uploaded(api: Api) -> None:
    for name in ("a.bin", "b.png", "c.jks", "d.tsv", "e.jmx", "f.groovy", "g.jar"):
        assert api.upload_data(login("127.0.0.1"), name).status == 200


def test_an_included_plan_is_wanted_before_it_can_run_and_judged_when_it_is_there(api: Api) -> None:
    uploaded = upload("include-controller/plan.jmx")
    assert findings(uploaded.result["preflight"]) == [("EXTERNAL_PLAN", "WARN", "P/Users/inc")]
    refused = define(api, uploaded)
    assert (refused.status, refused.code) == (422, "TEST_PLAN_DENIED")
    assert "login_fragment.jmx" in refused.fields["contentRef"]
    accepted = define(api, uploaded, {"login_fragment.jmx": login("127.0.0.1")})
    assert findings(accepted.body["preflight"]) == []
    elsewhere = define(api, uploaded, {"login_fragment.jmx": login("other.example")})
    assert [code for code, _, _ in findings(elsewhere.body["preflight"])] == ["TARGET_DIFFERS"]


@pytest.mark.parametrize("name", ["plan-listener.jmx", "plan-throughput-controller.jmx"])
def test_what_jmeter_itself_saves_is_no_code_under_a_strict_policy(
    api: Api, settings: pytest.MonkeyPatch, name: str
) -> None:
    stricter(settings, TANDEM_PREFLIGHT_CODE="deny")
    assert of_definition(api, f"listener-is-code/{name}") == []


def test_a_duration_that_the_engine_replaces_is_not_held_against_a_plan(api: Api, settings: pytest.MonkeyPatch) -> None:
    stricter(settings, TANDEM_MAX_DURATION_SECONDS="60")
    assert of_definition(api, "own-duration-denied/plan.jmx") == []


def test_a_finding_says_what_the_engine_changes(api: Api) -> None:
    said = {
        case: " ".join(each["message"] for each in upload(case).result["preflight"]["findings"])
        for case in ("finite-loops/plan.jmx", "start-delays-dropped/plan.jmx", "serialised-groups/plan.jmx")
    }
    assert "repeats it until the duration ends" in said["finite-loops/plan.jmx"]
    assert "300 s late" in said["start-delays-dropped/plan.jmx"]
    assert "the duration is that of all of them together" in said["serialised-groups/plan.jmx"]


ULTIMATE = "kg.apc.jmeter.threads.UltimateThreadGroup"
STANDARD_ELEMENTS = frozenset(ELEMENT_CLASSES)
WITHOUT_JDBC = STANDARD_ELEMENTS - {"JDBCDataSource", "JDBCSampler"}


@pytest.mark.parametrize(
    ("case", "elements", "not_there"),
    [
        ("plugins-absent/plan.jmx", STANDARD_ELEMENTS, {ULTIMATE}),
        ("plugins-absent/plan.jmx", STANDARD_ELEMENTS | {ULTIMATE}, set()),
        ("jdbc-passes-preflight/plan.jmx", WITHOUT_JDBC, {"JDBCDataSource", "JDBCSampler"}),
        ("jdbc-passes-preflight/plan.jmx", STANDARD_ELEMENTS, set()),
    ],
    ids=["no plug-in", "plug-in", "no JDBC", "JDBC"],
)
def test_what_the_engine_cannot_load_is_named_and_nothing_else(
    api: Api, engine: TrapEngine, case: str, elements: frozenset[str], not_there: set[str]
) -> None:
    engine.capabilities = {"elements": sorted(elements), "functions": sorted(STANDARD_FUNCTIONS)}
    uploaded = upload(case)
    for preflight in (uploaded.result["preflight"], define(api, uploaded).body["preflight"]):
        about_engine = {"NOT_ON_ENGINE", "PLUGIN_ELEMENT"}
        named = [each for each in preflight["findings"] if each["code"] in about_engine]
        assert {each["values"]["what"] for each in named} == not_there
        assert {(each["code"], each["severity"]) for each in named} <= {("NOT_ON_ENGINE", "WARN")}


def analysis_of(case: str) -> Analysis:
    return analyse(read_jtl, [[(CASES / case).read_bytes()]], AnalysisPlan())


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("xml-jtl/results.jtl", "XML"),
        ("unknown-delimiter/floatstamp.jtl", "timeStamp is '1795941600021.0'"),
    ],
)
def test_results_that_cannot_be_read_are_refused_with_what_stands_in_them(case: str, said: str) -> None:
    with pytest.raises(UnreadableResults, match=re.escape(said)):
        analysis_of(case)


@pytest.mark.parametrize(
    ("case", "delimiter"), [("unknown-delimiter/caret.jtl", "^"), ("last-row-without-newline/results.jtl", ",")]
)
def test_every_whole_row_counts_whatever_separates_its_columns_or_ends_the_file(case: str, delimiter: str) -> None:
    rows = [row.split(delimiter) for row in (CASES / case).read_text().splitlines()[1:]]
    summary = analysis_of(case).summary
    assert (summary.samples, summary.skipped_lines) == (len(rows), 0)
    assert summary.errors == sum(row[7] == "false" for row in rows)
    assert summary.received_bytes == sum(int(row[9]) for row in rows)
