import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st
from tandem.adapters.jmx.reader import read_plan
from tandem.adapters.jmx.url_plan import write_url_plan
from tandem.domain.definition import UrlCase, endpoint_properties
from tandem.domain.errors import InvalidValue
from tandem.domain.preflight import judge
from tandem.domain.preflight_policy import CodePolicy, PreflightPolicy
from tandem.domain.preflight_report import Severity
from tandem.domain.target import TargetAllowList
from tandem.domain.url_plan import UrlPlan


def written(plan: UrlPlan) -> dict[str, str | None]:
    root = ElementTree.fromstring(write_url_plan(plan))
    return {node.get("name", ""): node.text for node in root.iter() if node.tag.endswith("Prop")}


def test_load_and_target_are_read_from_properties_with_the_definitions_as_defaults() -> None:
    plan = UrlPlan("n", "https://shop.example/base", UrlCase(path="/a?b=c"), 7, ramp_up_sec=3, duration_sec=90)
    values = written(plan)
    assert values["ThreadGroup.num_threads"] == "${__P(threads,7)}"
    assert values["ThreadGroup.ramp_time"] == "${__P(rampUp,3)}"
    assert values["ThreadGroup.duration"] == "${__P(duration,90)}"
    assert values["ThreadGroup.scheduler"] == "true"
    assert values["LoopController.loops"] == "${__P(loops,-1)}"
    assert values["HTTPSampler.protocol"] == "${__P(protocol,https)}"
    assert values["HTTPSampler.domain"] == "${__P(host,shop.example)}"
    assert values["HTTPSampler.port"] == "${__P(port,443)}"
    assert values["HTTPSampler.path"] == "${__P(path,/base)}/a?b=c"


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a b", "/a%20b"),
        ("/订单", "/%E8%AE%A2%E5%8D%95"),
        ("/${__time()}", "/$%7B__time()%7D"),
        ("/a%20b%zz", "/a%20b%25zz"),
        ("/a?q=1&r=a,b", "/a?q=1&r=a,b"),
        ("/a\\b|c", "/a%5Cb%7Cc"),
    ],
)
def test_a_path_is_encoded_where_a_url_needs_it(path: str, sent: str) -> None:
    assert written(UrlPlan("n", "http://a", UrlCase(path=path)))["HTTPSampler.path"] == "${__P(path,)}" + sent


def test_the_endpoints_path_cannot_leave_its_place_as_a_default() -> None:
    plan = UrlPlan("n", "http://a/x,y(z)/${p}", UrlCase())
    assert written(plan)["HTTPSampler.path"] == "${__P(path,/x\\,y%28z%29/$%7Bp%7D)}/"


def test_text_that_looks_like_a_function_is_taken_out_of_jmeters_hands() -> None:
    values = written(UrlPlan("n", "http://a", UrlCase("POST", body="a\\b ${__time()}")))
    assert values["Argument.value"] == "a\\\\b ${__char(36)}{__time()}"
    assert written(UrlPlan("n", "http://a", UrlCase("POST", body="a\\b $1")))["Argument.value"] == "a\\b $1"


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=60
    )
)
def test_no_text_of_the_user_can_run_code_or_call_somebody_else(text: str) -> None:
    case = UrlCase("POST", "/" + text.replace("#", ""), {"X-Header": "a"}, text + "${__groovy(1)}")
    plan = UrlPlan(text + "${__eval(x)}", "http://shop.example", case)
    policy = PreflightPolicy(CodePolicy.DENY, TargetAllowList(["shop.example"]))
    report = judge(read_plan([write_url_plan(plan)]), policy, endpoint_properties(plan.endpoint), plan.endpoint)
    assert (report.status, report.findings) == (Severity.OK, ())


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"case": UrlCase("FETCH")}, "urlCase.method"),
        ({"case": UrlCase("POST", body="a\x00b")}, "urlCase.body"),
        ({"case": UrlCase("POST", body="a\ud800b")}, "urlCase.body"),
        ({"case": UrlCase("HEAD", body="x")}, "urlCase.body"),
        ({"case": UrlCase(path="a")}, "urlCase.path"),
        ({"case": UrlCase(path="/a#b")}, "urlCase.path"),
        ({"case": UrlCase(path="/\x07")}, "urlCase.path"),
        ({"case": UrlCase(headers={"A B": "c"})}, "urlCase.headers"),
        ({"case": UrlCase(headers={"A": "c\r\nD: e"})}, "urlCase.headers"),
        ({"case": UrlCase(headers={"A": "文"})}, "urlCase.headers"),
        ({"case": UrlCase(headers={"Content-Length": "3"})}, "urlCase.headers"),
        ({"name": "\x1b"}, "name"),
        ({"endpoint": "ftp://a"}, "endpoint"),
        ({"endpoint": "http://a b"}, "endpoint"),
        ({"endpoint": "http://a:99999"}, "endpoint"),
        ({"threads": 0}, "threads"),
        ({"loops": 0}, "loops"),
    ],
)
def test_a_field_that_cannot_be_written_is_named(plan: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        UrlPlan(**{"name": "n", "endpoint": "http://a", "case": UrlCase(), **plan})  # type: ignore[arg-type]
    assert [fault.field for fault in caught.value.details] == [field]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidValue) as caught:
        UrlPlan("\x00", "x", UrlCase("NO", "a"), threads=0)
    assert {fault.field for fault in caught.value.details} == {
        "name",
        "endpoint",
        "urlCase.method",
        "urlCase.path",
        "threads",
    }
