from collections.abc import Mapping
from pathlib import Path

import pytest
from tandem.adapters.jmx.reader import read_plan
from tandem.domain.preflight import MAX_FINDINGS_OF_A_CODE, judge
from tandem.domain.preflight_case import LoadShape
from tandem.domain.preflight_policy import CodePolicy, PreflightPolicy
from tandem.domain.preflight_report import FindingCode, PreflightReport, Severity
from tandem.domain.target import TargetAllowList

PLANS = Path(__file__).parents[2] / "fixtures" / "plans"
ENDPOINT = "http://127.0.0.1"
PROPERTIES = {"protocol": "http", "host": "127.0.0.1", "port": "80", "path": ""}
ONLY_LOOPBACK = PreflightPolicy(targets=TargetAllowList(["127.0.0.0/8"]))


def report_on(
    name: str,
    policy: PreflightPolicy = PreflightPolicy(),  # noqa: B008 - frozen
    properties: Mapping[str, str] | None = PROPERTIES,
    endpoint: str | None = ENDPOINT,
    data_files: tuple[str, ...] = (),
    replacing: tuple[str, str] = ("", ""),
    shape: LoadShape | None = None,
) -> PreflightReport:
    text = (PLANS / name).read_text(encoding="utf-8")
    assert replacing[0] in text
    return judge(read_plan([text.replace(*replacing).encode()]), policy, properties, endpoint, data_files, shape)


def codes(report: PreflightReport) -> list[tuple[FindingCode, Severity]]:
    return [(finding.code, finding.severity) for finding in report.findings]


def test_a_plan_without_surprises_is_ok() -> None:
    report = report_on("plain.jmx", ONLY_LOOPBACK)
    assert (report.status, report.findings) == (Severity.OK, ())


@pytest.mark.parametrize(
    ("policy", "severity"),
    [(CodePolicy.ALLOW, Severity.OK), (CodePolicy.WARN, Severity.WARN), (CodePolicy.DENY, Severity.DENY)],
)
def test_code_is_judged_by_the_policy(policy: CodePolicy, severity: Severity) -> None:
    report = report_on("with_script.jmx", PreflightPolicy(code=policy))
    assert codes(report) == [(FindingCode.CODE_ELEMENT, severity)]
    assert report.status is severity
    assert (report.findings[0].element, report.findings[0].path) == (
        "Make a token",
        "Checkout/Users/Order/Make a token",
    )


def test_functions_that_run_code_are_judged_like_elements() -> None:
    report = report_on("with_groovy_function.jmx", PreflightPolicy(code=CodePolicy.DENY))
    assert codes(report) == [(FindingCode.CODE_FUNCTION, Severity.DENY)] * 2


def test_properties_that_load_code_are_judged_like_code() -> None:
    properties = {**PROPERTIES, "beanshell.sampler.init": "/tmp/a.bsh", "search_paths": "/tmp"}
    report = report_on("plain.jmx", PreflightPolicy(code=CodePolicy.DENY), properties)
    assert [finding.element for finding in report.denials] == ["beanshell.sampler.init", "search_paths"]


def test_disabled_parts_are_noted_and_judged_no_further() -> None:
    policy = PreflightPolicy(code=CodePolicy.DENY, targets=ONLY_LOOPBACK.targets, max_threads=10)
    assert codes(report_on("with_disabled_parts.jmx", policy)) == [(FindingCode.DISABLED_PART, Severity.OK)] * 3


def test_a_module_controller_makes_disabled_parts_count() -> None:
    module = '<ModuleController testname="m"></ModuleController><hashTree/>\n        <HTTPSamplerProxy'
    report = report_on("with_disabled_parts.jmx", ONLY_LOOPBACK, replacing=("<HTTPSamplerProxy", module))
    assert (FindingCode.TARGET_NOT_ALLOWED, Severity.DENY) in codes(report)
    assert FindingCode.CODE_ELEMENT in {finding.code for finding in report.findings}


def test_without_a_list_another_host_than_the_endpoints_is_a_warning() -> None:
    report = report_on("with_defaults.jmx")
    assert codes(report) == [(FindingCode.TARGET_DIFFERS, Severity.WARN)]
    assert "'pay.example.com'" in report.findings[0].message


def test_without_a_list_and_an_endpoint_no_host_is_remarked() -> None:
    assert report_on("with_defaults.jmx", endpoint=None).findings == ()


def test_with_a_list_the_endpoint_itself_has_to_be_on_it() -> None:
    policy = PreflightPolicy(targets=TargetAllowList(["*.example.com"]))
    report = report_on("with_defaults.jmx", policy)
    assert [finding.element for finding in report.denials] == ["endpoint", "Front page"]


HOST = "${__P(host,127.0.0.1)}"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1@evil.example",
        "evil.example/127.0.0.1",
        "evil.example#127.0.0.1",
        "EVIL.example.",
        "3232235777",
        "0xC0A80101",
        "0177.0.0.1",
        "[::ffff:192.168.1.1]",
        "[2001:db8::1]",
        "",
        "${target}",
        "${__P(other)}",
        "${__P( host ,evil.example)}",
        "${__time()}",
        "127.0.0.1${suffix}",
    ],
)
def test_no_spelling_gets_past_the_list(host: str) -> None:
    report = report_on("plain.jmx", ONLY_LOOPBACK, replacing=(HOST, host))
    assert {finding.code for finding in report.denials} <= {
        FindingCode.TARGET_NOT_ALLOWED,
        FindingCode.TARGET_UNKNOWN,
    }
    assert report.status is Severity.DENY


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "127.1", HOST])
def test_every_spelling_of_what_is_allowed_is_let_through(host: str) -> None:
    assert report_on("plain.jmx", ONLY_LOOPBACK, replacing=(HOST, host)).status is Severity.OK


@pytest.mark.parametrize("path", ["http://evil.example/", "HTTPS://127.0.0.1@evil.example/", "${url}", "ht${rest}"])
def test_a_path_that_is_a_whole_url_is_judged_by_its_host(path: str) -> None:
    report = report_on("plain.jmx", ONLY_LOOPBACK, replacing=('path">/<', f'path">{path}<'))
    assert report.status is Severity.DENY


def test_a_variable_in_a_path_does_not_matter() -> None:
    report = report_on("plain.jmx", ONLY_LOOPBACK, replacing=('path">/<', 'path">/orders/${id}<'))
    assert report.status is Severity.OK


def test_a_variable_that_a_data_file_fills_is_unknown_whatever_its_first_value() -> None:
    plan = ("with_data_file.jmx", ONLY_LOOPBACK, PROPERTIES, ENDPOINT, ("users.csv",))
    defined = '<elementProp name="h" elementType="Argument"><stringProp name="Argument.name">user</stringProp>'
    defined += '<stringProp name="Argument.value">127.0.0.1</stringProp></elementProp></collectionProp>'
    text = (PLANS / plan[0]).read_text(encoding="utf-8").replace("</collectionProp>", defined, 1)
    report = judge(read_plan([text.replace(HOST, "${user}").encode()]), *plan[1:])
    assert codes(report) == [(FindingCode.TARGET_UNKNOWN, Severity.DENY)]


def test_before_a_definition_gives_properties_what_depends_on_them_is_a_warning() -> None:
    policy = PreflightPolicy(targets=ONLY_LOOPBACK.targets, max_threads=1, max_duration_sec=1)
    report = report_on("plain.jmx", policy, properties=None, endpoint=None)
    assert codes(report) == [
        (FindingCode.TARGET_UNKNOWN, Severity.WARN),
        (FindingCode.UNRESOLVED, Severity.WARN),
    ]


def test_threads_are_judged_after_resolving() -> None:
    policy = PreflightPolicy(max_threads=10)
    report = report_on("plain.jmx", policy, {**PROPERTIES, "threads": "11"})
    assert codes(report) == [(FindingCode.TOO_MANY_THREADS, Severity.DENY)]
    assert report_on("plain.jmx", policy, {**PROPERTIES, "threads": "10"}).status is Severity.OK


def test_a_duration_that_never_applies_is_not_judged() -> None:
    policy = PreflightPolicy(max_duration_sec=60)
    change = ('duration">${__P(duration,60)}', 'duration">600')
    assert report_on("plain.jmx", policy, None, None, replacing=change).status is Severity.OK
    assert report_on("plain.jmx", policy, replacing=change).status is Severity.OK


def test_the_duration_of_a_strategy_is_judged() -> None:
    policy = PreflightPolicy(max_duration_sec=60)
    report = report_on("plain.jmx", policy, shape=LoadShape(5, 1, duration_sec=61))
    assert codes(report) == [(FindingCode.TOO_LONG, Severity.DENY)]
    assert "61 s; 60 s are allowed" in report.findings[0].message
    assert report_on("plain.jmx", policy, shape=LoadShape(5, 1, duration_sec=60)).status is Severity.OK


def test_the_duration_of_a_set_up_group_is_judged_because_it_holds() -> None:
    text = (PLANS / "plain.jmx").read_text(encoding="utf-8")
    text = text.replace("<ThreadGroup ", "<SetupThreadGroup ").replace("</ThreadGroup>", "</SetupThreadGroup>")
    text = text.replace("${__P(duration,60)}", "61")
    report = judge(read_plan([text.encode()]), PreflightPolicy(max_duration_sec=60), PROPERTIES, ENDPOINT)
    assert codes(report) == [(FindingCode.NOTHING_ENABLED, Severity.WARN), (FindingCode.TOO_LONG, Severity.DENY)]


def test_the_threads_of_all_enabled_groups_count_together() -> None:
    report = report_on(
        "with_disabled_parts.jmx", PreflightPolicy(max_threads=504), replacing=('off" enabled="false"', 'off"')
    )
    assert "505 threads together; 504 are allowed" in report.denials[0].message


def test_a_number_that_cannot_be_known_is_denied_only_under_a_limit() -> None:
    change = ("${__P(threads,5)}", "${__Random(1,9)}")
    assert report_on("plain.jmx", replacing=change).status is Severity.WARN
    assert report_on("plain.jmx", PreflightPolicy(max_threads=5), replacing=change).status is Severity.DENY


def test_a_thread_group_without_scheduler_gets_one_from_the_engine_and_is_fine() -> None:
    assert report_on("plain.jmx", replacing=('scheduler">true', 'scheduler">false')).findings == ()


def test_a_kind_of_thread_group_that_the_engine_does_not_know_may_end_early() -> None:
    text = (PLANS / "plain.jmx").read_text(encoding="utf-8")
    text = text.replace("<ThreadGroup ", "<com.example.OwnThreadGroup ").replace(
        "</ThreadGroup>", "</com.example.OwnThreadGroup>"
    )
    found = codes(judge(read_plan([text.encode()]), PreflightPolicy(), PROPERTIES, ENDPOINT))
    assert (FindingCode.NO_SCHEDULER, Severity.WARN) in found


def test_a_plan_in_which_no_thread_group_is_enabled_is_a_warning() -> None:
    change = ('testname="Users" enabled="true"', 'testname="Users" enabled="false"')
    assert (FindingCode.NOTHING_ENABLED, Severity.WARN) in codes(report_on("plain.jmx", replacing=change))


def test_a_data_file_that_was_not_given_is_a_warning() -> None:
    assert codes(report_on("with_data_file.jmx")) == [(FindingCode.DATA_FILE_MISSING, Severity.WARN)]
    assert report_on("with_data_file.jmx", data_files=("users.csv",)).findings == ()


def test_a_plan_from_outside_is_denied_where_it_could_dodge_the_policy() -> None:
    assert codes(report_on("with_include.jmx")) == [(FindingCode.EXTERNAL_PLAN, Severity.WARN)]
    assert codes(report_on("with_include.jmx", ONLY_LOOPBACK)) == [(FindingCode.EXTERNAL_PLAN, Severity.DENY)]


def test_every_reason_is_told_at_once() -> None:
    policy = PreflightPolicy(CodePolicy.DENY, TargetAllowList(["127.0.0.1"]), max_threads=1, max_duration_sec=1)
    shape = LoadShape(1, 0, duration_sec=2)
    report = report_on("with_script.jmx", policy, replacing=(HOST, "evil.example"), shape=shape)
    assert {finding.code for finding in report.denials} == {
        FindingCode.CODE_ELEMENT,
        FindingCode.TARGET_NOT_ALLOWED,
        FindingCode.TOO_MANY_THREADS,
        FindingCode.TOO_LONG,
    }


def test_findings_of_a_kind_are_counted_when_there_are_very_many() -> None:
    scripts = "".join(f'<JSR223Sampler testname="s{i}"></JSR223Sampler><hashTree/>' for i in range(150))
    report = report_on("plain.jmx", replacing=("        <HTTPSamplerProxy", scripts + "<HTTPSamplerProxy"))
    assert len(report.findings) == MAX_FINDINGS_OF_A_CODE + 1
    assert report.findings[-1].message == "50 more findings of this kind."


def test_a_load_whose_shape_comes_with_the_definition_is_fine_at_the_upload() -> None:
    report = judge(read_plan([(PLANS.parents[2] / "examples/checkout.jmx").read_bytes()]), PreflightPolicy())
    assert report.status is Severity.OK
    assert report.findings == ()
